import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure, WorkflowFailedError } from '@temporalio/client';
import { TrainModelResult } from '../../domain/train-model-result.ts';
import { Failure } from '../../domain/failure.ts';
import { STEPS } from '../../domain/run-status.ts';
import { ServiceError } from '../../services/errors.ts';
import { until } from '../support/until.ts';
import { startHarness, status, type Harness } from './support/harness.ts';
import { publicKey, request } from './support/samples.ts';
import type { Verb } from './support/world.ts';

let harness: Harness;
let number = 0;
before(async () => (harness = await startHarness()));
after(() => harness?.stop());
beforeEach(() => harness.world.reset());

/** A VM of the test's own. */
const fresh = () => `vm-${++number}`;
const refuse = (type: string, extra: Partial<ConstructorParameters<typeof ServiceError>[0]> = {}) =>
  new ServiceError({ class: 'host', type, cause: `${type} happened`, nextStep: 'Look.', retryable: false, ...extra });

async function failureOf(result: Promise<unknown>): Promise<ApplicationFailure> {
  const error = await result.then(
    () => assert.fail('the run succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof WorkflowFailedError, String(error));
  assert.ok(error.cause instanceof ApplicationFailure, String(error.cause));
  return error.cause;
}

test('the straight way: every step in its order, and a whole result', async () => {
  const { world } = harness;
  const machine = fresh();
  const run = await harness.train(request(machine, 'straight'));
  const result = TrainModelResult.parse(await run.result());

  assert.equal(result.virtualMachine, machine);
  assert.equal(result.model.version, 1);
  assert.equal(result.computeTarget.state, 'attached');
  assert.equal(result.trainingSeconds, 30.5);
  const order = (...verbs: Verb[]) => assert.deepEqual(world.verbs(...verbs), verbs);
  order(
    'planTraining',
    'leaseVirtualMachine',
    'inspectVirtualMachine',
    'provisionVirtualMachine',
    'enrolVirtualMachine',
  );
  order('hello', 'findComputeTarget', 'openAttachRule', 'attachComputeTarget', 'closeAttachRule', 'recordRun');
  order('prepareEnvironment', 'stageInputs', 'runTrainingJob', 'keepOutputs', 'cleanJob', 'returnVirtualMachine');
  order('grantData', 'stageInputs', 'runTrainingJob', 'finishRun', 'issueReceipt');
  order('inspectOutputs', 'grantArtifacts', 'releaseArtifacts', 'issueReceipt', 'requestRegistration', 'registerModel');
  order('registerModel', 'buildImage', 'attestImage');
  const [signed] = world.values('attestImage');
  assert.deepEqual([signed?.image, signed?.receipt.digest], [result.image, result.receipt]);
  assert.equal(result.attestation?.state, 'signed');
  assert.equal(world.count('grantCode'), 1);
  assert.deepEqual(
    world.values('finishRun').map(({ status }) => status),
    ['FINISHED'],
  );
  assert.deepEqual(
    world.values('returnVirtualMachine').map(({ clean, after }) => [clean, after]),
    [[true, 'keep']],
  );
  assert.deepEqual(
    world.values('stageInputs')[0]?.grants.map(({ kind }) => kind),
    ['site', 'code'],
  );
  assert.deepEqual(
    world.values('releaseArtifacts')[0]?.grants.map(({ kind }) => kind),
    ['artifacts'],
  );

  const shown = await status(run);
  assert.equal(shown.state, 'succeeded');
  assert.deepEqual(
    shown.steps.map(({ name, state }) => [name, state]),
    STEPS.filter((name) => !['approve', 'deploy'].includes(name)).map((name) => [name, 'done']),
  );
  const description = await run.describe();
  assert.deepEqual(description.memo, { site: 'demo', model: 'straight' });
});

test('the second run finds the VM warm and makes nothing', async () => {
  const { world } = harness;
  const machine = fresh();
  await (await harness.train(request(machine, 'warm'))).result();
  world.reset();
  const result = TrainModelResult.parse(await (await harness.train(request(machine, 'warm'))).result());
  assert.equal(result.model.version, 2);
  assert.equal(world.count('hello'), 1);
  assert.deepEqual(
    world.verbs('inspectVirtualMachine', 'provisionVirtualMachine', 'enrolVirtualMachine', 'openAttachRule'),
    [],
  );
});

test('an invalid input fails at once and lists every fault', async () => {
  const bad = { ...request(fresh()), site: 'NO', colour: 'red', model: { name: 'Ä' } };
  const run = await harness.train(bad);
  const failure = await failureOf(run.result());
  assert.equal(failure.type, 'InvalidInput');
  for (const path of ['site', 'colour', 'model.name']) assert.match(failure.message, new RegExp(`^${path}: `, 'm'));
  const [stated, issues] = failure.details as [unknown, { path: string }[]];
  assert.equal(Failure.parse(stated).class, 'input');
  assert.deepEqual(issues.map(({ path }) => path).sort(), ['colour', 'model.name', 'site']);
  assert.equal((await status(run)).state, 'failed');
  assert.deepEqual(harness.world.asked, []);
});

test('no input at all, and one that is no object, are invalid too', async () => {
  for (const nothing of [undefined, null, 'text', 7, []]) {
    const failure = await failureOf((await harness.train(nothing)).result());
    assert.equal(failure.type, 'InvalidInput');
  }
});

test('what the site refuses before anything is spent is told with its faults', async () => {
  harness.world.instead('planTraining', () => {
    throw refuse('InvalidInput', { class: 'input', issues: [{ path: 'data.data', rule: 'is not there' }] });
  });
  const failure = await failureOf((await harness.train(request(fresh()))).result());
  assert.equal(failure.type, 'InvalidInput');
  assert.deepEqual(failure.details?.[1], [{ path: 'data.data', rule: 'is not there' }]);
  assert.deepEqual(harness.world.verbs(), ['planTraining']);
});

/** Which undo runs when a step fails; each list is in order. */
const undone: readonly [failing: Verb, undo: Verb[], finish: string[]][] = [
  ['prepareEnvironment', ['finishRun', 'returnVirtualMachine'], ['FAILED']],
  ['grantData', ['finishRun', 'returnVirtualMachine'], ['FAILED']],
  ['stageInputs', ['cleanJob', 'finishRun', 'returnVirtualMachine'], ['FAILED']],
  ['runTrainingJob', ['keepOutputs', 'cleanJob', 'finishRun', 'returnVirtualMachine'], ['FAILED']],
  ['issueReceipt', ['finishRun', 'returnVirtualMachine'], ['FINISHED']],
  ['buildImage', ['finishRun', 'returnVirtualMachine'], ['FINISHED']],
  ['attestImage', ['finishRun', 'returnVirtualMachine'], ['FINISHED']],
];
for (const [failing, undo, finish] of undone) {
  test(`when ${failing} fails, all that was done is undone, last first`, async () => {
    const { world } = harness;
    world.instead(failing, () => {
      throw refuse('Broken', { class: 'script' });
    });
    const run = await harness.train(request(fresh(), `fails-${failing.toLowerCase()}`));
    const failure = await failureOf(run.result());
    assert.equal(failure.type, 'Broken');
    assert.equal(failure.message, 'Broken happened');
    assert.equal(Failure.parse(failure.details?.[0]).class, 'script');
    assert.deepEqual(world.verbs(...undo), undo);
    assert.deepEqual(
      world.values('finishRun').map(({ status }) => status),
      finish,
    );
    const shown = await status(run);
    assert.equal(shown.state, 'failed');
    assert.equal(shown.failure?.type, 'Broken');
  });
}

test('a step fails after the script ended well: the run in Azure ML stays FINISHED, the VM is cleaned', async () => {
  const { world } = harness;
  world.instead('inspectOutputs', () => {
    throw refuse('NoModel', { class: 'script' });
  });
  const failure = await failureOf((await harness.train(request(fresh(), 'no-model'))).result());
  assert.equal(failure.type, 'NoModel');
  assert.ok(world.values('finishRun').every(({ status }) => status === 'FINISHED'));
  assert.deepEqual(world.verbs('cleanJob', 'returnVirtualMachine'), ['cleanJob', 'returnVirtualMachine']);
  assert.equal(world.count('buildImage'), 0);
});

test('the original failure stands, and what could not be undone is told with it', async () => {
  const { world } = harness;
  for (const verb of ['runTrainingJob', 'keepOutputs', 'finishRun'] as const)
    world.instead(verb, () => {
      throw refuse(verb);
    });
  const failure = await failureOf((await harness.train(request(fresh(), 'undo-fails'))).result());
  assert.equal(failure.type, 'runTrainingJob');
  const { nextStep } = Failure.parse(failure.details?.[0]);
  assert.match(nextStep, /keep the outputs on site: keepOutputs happened; end the run in Azure ML: finishRun happened/);
  assert.deepEqual(world.verbs('cleanJob', 'returnVirtualMachine'), ['cleanJob', 'returnVirtualMachine']);
});

test('a retryable failure is tried again, and an unknown error says nothing of its stack', async () => {
  const { world } = harness;
  world.instead('recordRun', (_, times) => {
    if (times === 1) throw refuse('Unreachable', { class: 'network', retryable: true });
    if (times === 2) throw new TypeError('x is not a function');
    return undefined;
  });
  await (await harness.train(request(fresh(), 'again'))).result();
  assert.equal(world.count('recordRun'), 3);
});

test('an expired grant is made anew and the step goes on', async () => {
  const { world } = harness;
  world.instead('runTrainingJob', (_, times) => {
    if (times <= 2) throw refuse('GrantExpired', { class: 'network' });
    return undefined;
  });
  world.instead('releaseArtifacts', (_, times) => {
    if (times === 1) throw refuse('GrantExpired', { class: 'network' });
    return undefined;
  });
  await (await harness.train(request(fresh(), 'expired'))).result();
  assert.equal(world.count('grantData'), 3);
  assert.equal(world.count('grantArtifacts'), 2);
});

test('an image is granted before it is pulled, and anew when its token has run out; without one nothing is granted', async () => {
  const { world } = harness;
  const [registry, repository, digest] = ['r.example', 'tools', 'd'.repeat(64)];
  world.image = { reference: 'r.example/tools:v1', registry, repository, digest };
  world.instead('prepareEnvironment', (_, times) => {
    if (times === 1) throw refuse('GrantExpired', { class: 'network' });
    return undefined;
  });
  await (await harness.train(request(fresh(), 'in-image'))).result();
  assert.deepEqual(world.verbs('grantImage', 'prepareEnvironment'), [
    ...['grantImage', 'prepareEnvironment', 'grantImage', 'prepareEnvironment'],
  ]);
  const grants = world.values('prepareEnvironment').map((each) => each.grants?.map(({ kind }) => kind));
  assert.deepEqual(grants, [['image'], ['image']]);
  world.reset();
  await (await harness.train(request(fresh(), 'in-none'))).result();
  assert.deepEqual([world.count('grantImage'), world.count('prepareEnvironment')], [0, 1]);
});

test('a grant that is expired whenever it is made ends the run', async () => {
  const { world } = harness;
  world.instead('stageInputs', () => {
    throw refuse('GrantExpired', { class: 'network' });
  });
  const failure = await failureOf((await harness.train(request(fresh(), 'clock'))).result());
  assert.equal(failure.type, 'GrantExpired');
  assert.equal(world.count('stageInputs'), 4);
});

/** Where a run is cancelled: while this step is under way. */
const cancelledAt: readonly [at: Verb, undo: Verb[], finish: string[], after: string][] = [
  ['planTraining', ['discardRun'], [], ''],
  ['provisionVirtualMachine', ['returnVirtualMachine', 'deleteVirtualMachine'], [], 'keep'],
  ['attachComputeTarget', ['closeAttachRule', 'detachComputeTarget', 'deleteVirtualMachine'], [], 'keep'],
  ['prepareEnvironment', ['finishRun', 'returnVirtualMachine', 'deleteVirtualMachine'], ['KILLED'], 'delete'],
  ['stageInputs', ['cleanJob', 'finishRun', 'returnVirtualMachine'], ['KILLED'], 'delete'],
  ['runTrainingJob', ['cleanJob', 'finishRun', 'returnVirtualMachine', 'discardRun'], ['KILLED'], 'delete'],
  [
    'releaseArtifacts',
    ['withdrawRegistration', 'discardRelease', 'cleanJob', 'returnVirtualMachine', 'discardRun'],
    ['FINISHED', 'KILLED'],
    'delete',
  ],
  [
    'registerModel',
    ['cleanJob', 'returnVirtualMachine', 'withdrawRegistration', 'discardRelease', 'discardRun'],
    ['FINISHED', 'KILLED'],
    'keep',
  ],
  ['buildImage', ['cleanJob', 'returnVirtualMachine'], ['FINISHED'], 'keep'],
];
for (const [at, undo, finish, after] of cancelledAt) {
  test(`cancelled during ${at}: undone, and it ends as cancelled`, async () => {
    const { world } = harness;
    world.instead(at, (_, times) => (times === 1 ? Context.current().cancelled : undefined));
    const machine = fresh();
    const run = await harness.train(request(machine, `cancel-${at.toLowerCase()}`));
    await until(`${at} is under way`, () => world.count(at) > 0);
    await until(
      'all else that can be done is done',
      () => at !== 'buildImage' || world.count('returnVirtualMachine') > 0,
    );
    await until('the script’s end is recorded', () => !finish.includes('FINISHED') || world.count('finishRun') > 0);
    await until('the outputs are kept', () => at !== 'releaseArtifacts' || world.count('keepOutputs') > 0);
    await until('the VM is back', () => at !== 'registerModel' || world.count('returnVirtualMachine') > 0);
    await run.cancel();
    const error = await run.result().then(
      () => assert.fail('the run succeeded'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure, String(error));
    await until(`${undo.join(', ')} in this order`, () => isOrdered(world.verbs(...undo), undo));
    assert.deepEqual(
      world.values('finishRun').map(({ status }) => status),
      finish,
    );
    assert.equal(world.count('discardRun'), finish.at(-1) === 'FINISHED' ? 0 : 1, 'what a version is made of stays');
    assert.equal(world.count('keepOutputs'), ['releaseArtifacts', 'registerModel', 'buildImage'].includes(at) ? 1 : 0);
    if (after) assert.equal(world.values('returnVirtualMachine')[0]?.after, after);
    assert.equal((await status(run)).state, 'cancelled');
  });
}

test('what is under way when a run is cancelled is waited for, before anything is undone', async () => {
  const { world } = harness;
  let settle = () => {};
  const settled = new Promise<void>((resolve) => (settle = resolve));
  world.instead('runTrainingJob', async () => {
    await Context.current().cancelled.catch(() => {});
    await settled;
    throw new CancelledFailure('stopped');
  });
  const run = await harness.train(request(fresh(), 'slow-to-stop'));
  await until('it trains', () => world.count('runTrainingJob') > 0);
  await run.cancel();
  await until('the step is told', async () => {
    const { raw } = await run.describe();
    return (raw.pendingActivities ?? []).some(({ state }) => state === CANCEL_REQUESTED);
  });
  for (let look = 0; look < 5; look++) await status(run); // each a whole turn of the workflow's worker
  assert.deepEqual(world.verbs('cleanJob', 'finishRun', 'returnVirtualMachine', 'discardRun'), []);
  settle();
  await assert.rejects(run.result());
  assert.equal(world.verbs('cleanJob', 'finishRun', 'returnVirtualMachine', 'discardRun').length, 4);
});

/** PendingActivityState: https://github.com/temporalio/api, enums/v1/workflow.proto */
const CANCEL_REQUESTED = 3;

const isOrdered = (seen: readonly Verb[], wanted: readonly Verb[]) => wanted.every((verb, i) => seen[i] === verb);

test('a VM that was replaced under the run is not trusted with it', async () => {
  const { world } = harness;
  world.instead('hello', () => ({
    bundle: 'b'.repeat(64),
    bootId: '0b8f0f6e-5d3c-4a7e-9d1b-8f3a2c1d0e9f',
    clock: '2026-01-02T03:04:05.000Z',
    publicKey: { ...publicKey, x: 'z'.repeat(43) },
  }));
  const failure = await failureOf((await harness.train(request(fresh(), 'replaced'))).result());
  assert.equal(failure.type, 'MachineMismatch');
  assert.equal(world.count('prepareEnvironment'), 0);
});
