import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { Failure } from '../../domain/failure.ts';
import { CLOUD_QUEUE } from '../../domain/resource-names.ts';
import { SWEEP_STEPS } from '../../domain/run-status.ts';
import { SEARCH_ATTRIBUTE } from '../../domain/search-attributes.ts';
import { SIGNAL, UPDATE, WORKFLOW_TYPE } from '../../domain/signals.ts';
import { TrainModelResult } from '../../domain/train-model-result.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { ServiceError } from '../../services/errors.ts';
import { until } from '../support/until.ts';
import { startHarness, status, type Harness } from './support/harness.ts';
import { completed, decision, inspection, sweepRequest } from './support/samples.ts';

let harness: Harness;
let number = 0;
before(async () => (harness = await startHarness()));
after(() => harness?.stop());
beforeEach(() => harness.world.reset());

const fresh = () => `sweep-${++number}`;
const refuse = (type: string, extra: Partial<ConstructorParameters<typeof ServiceError>[0]> = {}) =>
  new ServiceError({ class: 'script', type, cause: `${type} happened`, nextStep: 'Look.', retryable: false, ...extra });
const numberOf = ({ plan }: { plan: TrainingPlan }) => plan.trial?.number ?? 0;

/** Each trial's accuracy, by its number; what is an Error is thrown, and null is a trial without the metric. */
function accuracies(...values: (number | null | Error)[]): void {
  harness.world.instead('runTrainingJob', ({ plan }) => {
    const value = values[numberOf({ plan }) - 1];
    if (value instanceof Error) throw value;
    const metrics = [{ name: value === null ? 'loss' : 'accuracy', value: value ?? 1, step: 0, timestamp: 1 }];
    return { ...completed(plan.job), metrics };
  });
}

async function failureOf(result: Promise<unknown>): Promise<Failure> {
  const error = await result.then(
    () => assert.fail('the sweep succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof WorkflowFailedError, String(error));
  assert.ok(error.cause instanceof ApplicationFailure, String(error.cause));
  return Failure.parse(error.cause.details?.[0]);
}

async function cancelled(run: WorkflowHandle): Promise<void> {
  const error = await run.result().then(
    () => assert.fail('the sweep succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure, String(error));
}

const states = async (run: WorkflowHandle) => (await status(run)).trials?.map(({ state }) => state);

test('each trial trains one after the other, and only the best one’s model leaves', async () => {
  const { world } = harness;
  accuracies(0.8, 0.9, 0.7);
  const run = await harness.train(sweepRequest(fresh()));
  const result = TrainModelResult.parse(await run.result());

  assert.equal(result.sweep?.best, 2);
  assert.deepEqual(
    result.sweep?.trials.map(({ number, state, value, parameters }) => [number, state, value, parameters]),
    [
      [1, 'done', 0.8, { rate: '0.1' }],
      [2, 'done', 0.9, { rate: '0.2' }],
      [3, 'done', 0.7, { rate: '0.3' }],
    ],
  );
  assert.equal(result.model.version, 1);
  assert.deepEqual(world.values('runTrainingJob').map(numberOf), [1, 2, 3]);
  assert.equal(world.count('keepOutputs'), 3);
  for (const verb of ['releaseArtifacts', 'restoreOutputs'] as const)
    assert.deepEqual(world.values(verb).map(numberOf), [2], verb);
  assert.deepEqual(
    world.values('issueReceipt').map(({ plan }) => plan.job),
    [result.job],
  );
  for (const verb of ['registerModel', 'buildImage'] as const) assert.equal(world.count(verb), 1);
  // A VM lets out only what it has inspected itself, beside the inputs.
  const since = world.calls.slice(world.calls.findLastIndex(({ verb }) => verb === 'leaseVirtualMachine'));
  const wanted = ['stageInputs', 'restoreOutputs', 'inspectOutputs', 'releaseArtifacts', 'cleanJob'];
  assert.deepEqual(
    since.map(({ verb }) => verb as string).filter((verb) => wanted.includes(verb)),
    wanted,
  );

  const [first] = world.values('recordRun');
  assert.deepEqual(first?.plan.trial, { number: 1, parameters: { rate: '0.1' }, slot: 1, parentRun: '8'.repeat(32) });
  assert.deepEqual(
    world.values('finishRun').map(({ run, status, completed }) => [run.runId[0], status, completed?.parameters]),
    [
      ['7', 'FINISHED', { C: '1.0', rate: '0.1' }],
      ['7', 'FINISHED', { C: '1.0', rate: '0.2' }],
      ['7', 'FINISHED', { C: '1.0', rate: '0.3' }],
      ['8', 'FINISHED', { C: '1.0', rate: '0.2' }],
    ],
  );
  const shown = await status(run);
  assert.deepEqual(
    shown.steps.map(({ name, state }) => [name, state]),
    SWEEP_STEPS.filter((name) => !['approve', 'deploy'].includes(name)).map((name) => [name, 'done']),
  );
  assert.match(
    shown.steps.find(({ name }) => name === 'trials')?.detail ?? '',
    /3 trials: 3 done; .*trial 2: accuracy 0.9/,
  );
});

test('minimize wants the least; of equals the first is the best', async () => {
  accuracies(0.8, 0.2, 0.2);
  const request = sweepRequest(fresh(), { objective: { goal: 'minimize', primary_metric: 'accuracy' } });
  const result = TrainModelResult.parse(await (await harness.train(request)).result());
  assert.equal(result.sweep?.best, 2);
});

test('a trial that fails, or logs no such metric, ends no other', async () => {
  const { world } = harness;
  accuracies(refuse('ScriptFailed'), null, 0.1);
  const run = await harness.train(sweepRequest(fresh()));
  const result = TrainModelResult.parse(await run.result());
  assert.equal(result.sweep?.best, 3);
  assert.deepEqual(
    result.sweep?.trials.map(({ state, detail }) => [state, detail]),
    [
      ['failed', 'ScriptFailed happened'],
      ['failed', 'the script logged no metric accuracy; it logged loss'],
      ['done', undefined],
    ],
  );
  const [failed] = world.values('finishRun');
  assert.deepEqual([failed?.status, failed?.completed?.parameters], ['FAILED', { rate: '0.1' }]);
});

test('when no trial succeeds the sweep fails and says of each why', async () => {
  const { world } = harness;
  accuracies(refuse('ScriptFailed'), null, refuse('TooManyTasks'));
  const run = await harness.train(sweepRequest(fresh()));
  const failure = await failureOf(run.result());
  assert.deepEqual([failure.class, failure.type], ['script', 'NoTrialSucceeded']);
  assert.match(
    failure.cause,
    /none of the sweep’s 3 trials.*trial 1: ScriptFailed.*trial 2: MetricMissing.*trial 3: TooMany/,
  );
  assert.equal(world.count('releaseArtifacts'), 0);
  assert.deepEqual(world.values('finishRun').at(-1)?.run.runId[0], '8');
  assert.equal(world.values('finishRun').at(-1)?.status, 'FAILED');
  assert.equal(world.count('discardRun'), 0);
});

test('what the site refuses of a sweep is told before any trial begins', async () => {
  const { world } = harness;
  world.instead('planSweep', () => {
    throw refuse('InvalidInput', { class: 'input', issues: [{ path: 'job.environment', rule: 'is unknown' }] });
  });
  const failure = await failureOf((await harness.train(sweepRequest(fresh()))).result());
  assert.equal(failure.type, 'InvalidInput');
  assert.deepEqual(world.verbs(), ['planSweep']);
});

test('trials run as many at once as is said, each slot on a VM of its own', async () => {
  const { world } = harness;
  let [running, most] = [0, 0];
  world.instead('runTrainingJob', async ({ plan }) => {
    most = Math.max(most, ++running);
    await until('two ran at once', () => most === 2);
    running--;
    return { ...completed(plan.job), metrics: [{ name: 'accuracy', value: 0.5, step: 0, timestamp: 1 }] };
  });
  const name = fresh();
  const request = sweepRequest(name, { limits: { max_total_trials: 3, max_concurrent_trials: 2 } });
  await (await harness.train(request)).result();
  assert.equal(most, 2);
  const machines = world.values('runTrainingJob').map(({ plan }) => plan.virtualMachine.name);
  assert.deepEqual([...new Set(machines)].sort(), [name, `${name}-2`]);
});

test('a further VM for which there is no quota is done without, and its trial runs on the first', async () => {
  const { world } = harness;
  accuracies(0.1, 0.2, 0.3);
  world.instead('planTraining', async ({ trial }) => {
    if (trial?.slot !== 2) return undefined;
    await until('the first VM has no more to do', () => world.count('returnVirtualMachine') === 2);
    throw refuse('QuotaExceeded', { class: 'quota' });
  });
  const request = sweepRequest(fresh(), { limits: { max_total_trials: 3, max_concurrent_trials: 2 } });
  const result = TrainModelResult.parse(await (await harness.train(request)).result());
  assert.deepEqual(
    result.sweep?.trials.map(({ state }) => state),
    ['done', 'done', 'done'],
  );
});

test('a sweep that is cancelled cancels its trials, and leaves of each what a cancelled run leaves', async () => {
  const { world } = harness;
  world.instead('runTrainingJob', ({ plan }) =>
    numberOf({ plan }) === 1
      ? { ...completed(plan.job), metrics: [{ name: 'accuracy', value: 0.5, step: 0, timestamp: 1 }] }
      : Context.current().cancelled,
  );
  const run = await harness.train(sweepRequest(fresh()));
  await until('the second trial trains', () => world.count('runTrainingJob') === 2);
  await run.cancel();
  await cancelled(run);
  const discarded = world.values('discardRun').map(({ workflowId }) => workflowId.slice(run.workflowId.length));
  for (const trial of ['-trial-1', '-trial-2']) assert.ok(discarded.includes(trial), trial);
  assert.ok(world.values('discardRun').every(({ originalExecutionRunId }) => originalExecutionRunId));
  assert.deepEqual(
    world.values('finishRun').map(({ run, status }) => [run.runId[0], status]),
    [
      ['7', 'FINISHED'],
      ['7', 'KILLED'],
      ['8', 'KILLED'],
    ],
  );
  assert.equal(world.count('runTrainingJob'), 2);
  assert.equal(world.count('releaseArtifacts'), 0);
  assert.deepEqual(await states(run), ['done', 'cancelled']);
  assert.equal((await status(run)).state, 'cancelled');
});

test('a sweep that is cancelled in its first trial is cancelled, and not one of which no trial succeeded', async () => {
  const { world } = harness;
  world.instead('runTrainingJob', () => Context.current().cancelled);
  const run = await harness.train(sweepRequest(fresh()));
  await until('the first trial trains', () => world.count('runTrainingJob') === 1);
  await run.cancel();
  await cancelled(run);
  assert.equal((await status(run)).state, 'cancelled');
});

test('a single trial that is cancelled is one that failed', async () => {
  const { world, client } = harness;
  world.instead('runTrainingJob', ({ plan }) =>
    numberOf({ plan }) === 1
      ? Context.current().cancelled
      : { ...completed(plan.job), metrics: [{ name: 'accuracy', value: 0.5, step: 0, timestamp: 1 }] },
  );
  const run = await harness.train(sweepRequest(fresh()));
  await until('the first trial trains', () => world.count('runTrainingJob') === 1);
  await client.workflow.getHandle(`${run.workflowId}-trial-1`).cancel();
  const result = TrainModelResult.parse(await run.result());
  assert.equal(result.sweep?.best, 2);
  assert.deepEqual(await states(run), ['cancelled', 'done', 'done']);
});

test('when its time is over no trial begins, the one that runs is cancelled, and the best so far is released', async () => {
  const { world } = harness;
  world.instead('runTrainingJob', ({ plan }) =>
    numberOf({ plan }) === 1
      ? { ...completed(plan.job), metrics: [{ name: 'accuracy', value: 0.5, step: 0, timestamp: 1 }] }
      : Context.current().cancelled,
  );
  const run = await harness.train(sweepRequest(fresh(), { limits: { max_total_trials: 3, timeout: 6 } }));
  const result = TrainModelResult.parse(await run.result());
  assert.equal(result.sweep?.best, 1);
  assert.deepEqual(await states(run), ['done', 'cancelled']);
  const detail = (await status(run)).steps.find(({ name }) => name === 'trials')?.detail;
  assert.match(detail ?? '', /1 done, 1 cancelled, 1 never begun/);
});

test('the best trial’s release waits for approval as any does, under the sweep’s name', async () => {
  const { world } = harness;
  world.approval = 'always';
  accuracies(0.1, 0.9, 0.2);
  const run = await harness.train(sweepRequest(fresh()));
  await until('it waits for approval', async () => (await status(run)).approval !== undefined);
  const shown = await status(run);
  assert.equal(shown.approval?.release, inspection.digest);
  assert.equal(shown.job, world.values('runTrainingJob')[1]?.plan.job);
  await run.executeUpdate(UPDATE.decideRelease, { args: [decision('approve')] });
  const result = TrainModelResult.parse(await run.result());
  assert.equal(result.sweep?.best, 2);
  assert.deepEqual(world.values('releaseArtifacts').at(-1)?.approval, decision('approve'));
  assert.equal(world.count('inspectOutputs'), 3);
});

test('cancelled while the best one’s model is released: taken back, and the VM returned', async () => {
  const { world } = harness;
  accuracies(0.1, 0.9, 0.2);
  world.instead('releaseArtifacts', () => Context.current().cancelled);
  const run = await harness.train(sweepRequest(fresh()));
  await until('it is released', () => world.count('releaseArtifacts') > 0);
  await run.cancel();
  await cancelled(run);
  const undone = ['withdrawRegistration', 'cleanJob', 'returnVirtualMachine', 'discardRun', 'finishRun'];
  const since = world.calls.slice(world.calls.findIndex(({ verb }) => verb === 'releaseArtifacts'));
  const seen = [...new Set(since.map(({ verb }) => verb as string))].filter((verb) => undone.includes(verb));
  assert.deepEqual(seen, undone);
  assert.equal(since.filter(({ verb }) => verb === 'discardRun').length, 3);
  assert.equal(world.values('finishRun').at(-1)?.status, 'KILLED');
});

test('a sweep that is terminated takes its trials with it, and the next of its name waits for theirs', async () => {
  const { world, client } = harness;
  let settle = () => {};
  const settled = new Promise<void>((resolve) => (settle = resolve));
  world.instead('runTrainingJob', async (_, times) => {
    if (times > 1) return undefined;
    await Context.current().cancelled.catch(() => {});
    await settled;
    throw new CancelledFailure('stopped');
  });
  const request = sweepRequest(fresh(), { limits: { max_total_trials: 1 } });
  const first = await harness.train(request);
  await until('the trial trains', () => world.count('runTrainingJob') === 1);
  await first.terminate();
  const { workflowId } = first;
  const again = await client.workflow.start(WORKFLOW_TYPE.trainModel, {
    ...{ workflowId, taskQueue: CLOUD_QUEUE, args: [request] },
  });
  await until('the next one wants its trial', () => world.count('recordSweep') === 2);
  for (let look = 0; look < 5; look++) await status(again);
  settle();
  const result = TrainModelResult.parse(await again.result());
  assert.equal(result.sweep?.best, 1);
  assert.equal(world.count('runTrainingJob'), 2);
  assert.equal(world.count('discardRun'), 1);
});

/** What each trial logs while it trains, one value after the other as soon as it `may`, and how its script ends: as `script` says. */
function logs(
  values: number[][],
  script: (trial: number) => Promise<number>,
  may: (trial: number, logged: number) => boolean = () => true,
): void {
  const { world } = harness;
  const over = new Set<string>();
  const trials = new Map<string, number>();
  world.instead('runTrainingJob', async ({ plan }) => {
    trials.set(plan.job, numberOf({ plan }));
    try {
      const value = await script(numberOf({ plan }));
      return { ...completed(plan.job), metrics: [{ name: 'accuracy', value, step: 1, timestamp: 1 }] };
    } finally {
      over.add(plan.job);
    }
  });
  world.instead('readMetrics', async ({ plan: { job }, after }) => {
    await until('its script runs', () => trials.has(job));
    const trial = trials.get(job) ?? 0;
    const logged = values[trial - 1] ?? [];
    const isLogging = () => after.offset < logged.length && may(trial, after.offset);
    await until('it logs, or ends', () => isLogging() || over.has(job), 60);
    const points = logged.slice(after.offset, after.offset + 1).flatMap((value) => [
      { name: 'accuracy', value, step: after.offset, timestamp: 1 },
      { name: 'loss', value: -99, step: after.offset, timestamp: 1 },
    ]);
    const next = { ...after, offset: after.offset + points.length / 2, steps: { accuracy: after.offset } };
    return { points, after: next, withheld: 0, ended: points.length === 0 };
  });
}

/** So many values of the trials' primary metric are in Azure ML. */
const sent = () =>
  harness.world.values('logMetrics').flatMap(({ points }) => points.filter(({ name }) => name === 'accuracy')).length;

test('a trial that does badly is stopped: it is no failure, its numbers stay, and its VM is the next one’s', async () => {
  const { world } = harness;
  logs(
    [
      [0.5, 0.8],
      [0.7, 0.6, 0.9],
      [0.75, 0.85],
    ],
    async (trial) => {
      if (trial === 2) return Context.current().cancelled;
      await until('its numbers have gone', () => sent() === (trial === 1 ? 2 : 7));
      return trial === 1 ? 0.8 : 0.85;
    },
  );
  const early_termination = { type: 'bandit', slack_amount: 0.05, evaluation_interval: 2 } as const;
  const run = await harness.train(sweepRequest(fresh(), { early_termination }));
  const result = TrainModelResult.parse(await run.result());

  assert.equal(result.sweep?.best, 3);
  assert.deepEqual(
    result.sweep?.trials.map(({ state, value, detail }) => [state, value, detail]),
    [
      ['done', 0.8, undefined],
      ['stopped', undefined, 'accuracy 0.7 at interval 2: the best is 0.8, and 0.75 would have done (bandit)'],
      ['done', 0.85, undefined],
    ],
  );
  const trial = harness.client.workflow.getHandle(`${run.workflowId}-trial-2`);
  assert.equal((await trial.describe()).status.name, 'COMPLETED');
  assert.equal((await status(trial)).state, 'cancelled');
  assert.deepEqual(
    world
      .values('finishRun')
      .map(({ run, status, completed }) => [run.runId[0], status, completed?.parameters['rate']]),
    [
      ['7', 'FINISHED', '0.1'],
      ['7', 'KILLED', '0.2'],
      ['7', 'FINISHED', '0.3'],
      ['8', 'FINISHED', '0.3'],
    ],
  );
  assert.equal(sent(), 7, 'the rest of what it had logged went too');
  assert.deepEqual([world.count('discardRun'), world.count('keepOutputs')], [0, 3]);
  assert.deepEqual([...new Set(world.values('returnVirtualMachine').map(({ after }) => after))], ['keep']);
  assert.equal(world.count('provisionVirtualMachine'), 1);
  assert.match((await status(run)).steps.find(({ name }) => name === 'trials')?.detail ?? '', /2 done, 1 stopped;/);
});

test('two at once: the worse is stopped, the better goes on; one whose script has ended is not stopped any more', async () => {
  const { world } = harness;
  const isKilled = () => world.values('finishRun').some(({ status }) => status === 'KILLED');
  const script = async (trial: number) => {
    if (trial === 1) return Context.current().cancelled;
    if (trial === 2) await until('the other is stopped', isKilled);
    return 0.5;
  };
  // It is looked at when it logs: it still does when the other has.
  logs([[0.2, 0.3, 0.4], [0.6, 0.7, 0.8], []], script, (trial, logged) => trial === 2 || logged < 2 || sent() === 5);
  world.instead('inspectOutputs', async ({ plan }) => {
    if (numberOf({ plan }) !== 3) return;
    await harness.client.workflow.getHandle(`${run.workflowId}-trial-3`).signal(SIGNAL.stopTrial, 'too late');
  });
  const request = sweepRequest(fresh(), {
    early_termination: { type: 'median_stopping' },
    limits: { max_total_trials: 3, max_concurrent_trials: 2 },
  });
  const run = await harness.train(request);
  await run.result();
  assert.deepEqual(await states(run), ['stopped', 'done', 'done']);
});

test('a sweep is found as a run, and its trials are no runs', async () => {
  accuracies(0.1, 0.2, 0.3);
  const request = { ...sweepRequest(fresh()), model: { name: 'found-sweep' } };
  const run = await harness.train(request);
  await run.result();
  const query = `${SEARCH_ATTRIBUTE.model} = 'found-sweep'`;
  const types = async () => {
    const found: string[] = [];
    for await (const { type } of harness.client.workflow.list({ query })) found.push(type);
    return found.sort();
  };
  await until('all are found', async () => (await types()).length === 4);
  assert.deepEqual(await types(), [WORKFLOW_TYPE.trainModel, ...Array(3).fill(WORKFLOW_TYPE.trial)]);
});
