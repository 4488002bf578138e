import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { ApplicationFailure, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import type { Metric } from '../../domain/completed-job.ts';
import type { MetricsBatch } from '../../domain/metric-stream.ts';
import type { TrainModelRequest } from '../../domain/train-model-input.ts';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import { UPDATE } from '../../domain/signals.ts';
import { ServiceError } from '../../services/errors.ts';
import { until } from '../support/until.ts';
import { startHarness, status, type Harness } from './support/harness.ts';
import { decision, request } from './support/samples.ts';

let harness: Harness;
before(async () => (harness = await startHarness()));
after(() => harness?.stop());
beforeEach(() => harness.world.reset());

const failure = (type: string) =>
  new ServiceError({ class: 'quota', type, cause: `${type} happened`, nextStep: 'Look.', retryable: false });

const growing = (machine: string): TrainModelRequest => ({
  ...request(machine, machine),
  virtualMachine: { name: machine, onOutOfMemory: 'larger' },
});

/** The script needs more than this VM has. */
function tooSmall(...machines: string[]): void {
  harness.world.instead('runTrainingJob', ({ plan }) => {
    if (machines.includes(plan.virtualMachine.name)) throw failure('OutOfMemory');
  });
}

async function failureType(run: WorkflowHandle): Promise<string | null | undefined> {
  const error: unknown = await run.result().catch((reason: unknown) => reason);
  assert.ok(error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure, String(error));
  return error.cause.type;
}

test('a script that runs out of memory goes on with the next larger VM: one run, one receipt, no VM kept', async () => {
  const { world } = harness;
  tooSmall('grows');
  const run = await harness.train(growing('grows'));
  const result = (await run.result()) as TrainModelResult;
  assert.equal(result.virtualMachine, 'grows-large');
  assert.deepEqual(
    world.values('runTrainingJob').map(({ plan }) => plan.virtualMachine.name),
    ['grows', 'grows-large'],
  );
  assert.deepEqual(
    world.values('returnVirtualMachine').map(({ machine, clean }) => [machine, clean]),
    [
      ['grows', true],
      ['grows-large', true],
    ],
  );
  assert.equal(world.count('recordRun'), 1, 'it is one run in Azure ML');
  assert.equal(world.count('planTraining'), 1);
  const [evidence] = world.values('issueReceipt');
  assert.equal(evidence?.plan.virtualMachine.name, 'grows-large');
  assert.equal(evidence?.machine.name, 'grows-large');
  assert.equal(evidence?.completed.starts, 2);
  const { steps, virtualMachine } = await status(run);
  assert.equal(virtualMachine, 'grows-large');
  assert.match(steps.find(({ name }) => name === 'plan')?.detail ?? '', /out of memory on Standard_DS2_v2: goes on/);
});

test('an approver is asked about the plan that it ended with', async () => {
  const { world } = harness;
  world.approval = 'always';
  tooSmall('asks');
  const run = await harness.train(growing('asks'));
  await until('it waits', async () => (await status(run)).approval !== undefined);
  await run.executeUpdate(UPDATE.decideRelease, { args: [decision('approve')] });
  await run.result();
  assert.equal(world.values('acceptDecision')[0]?.plan.virtualMachine.name, 'asks-large');
});

test('where the largest is too small, or the training does not ask for it, the run ends as out of memory', async () => {
  const { world } = harness;
  tooSmall('ends', 'ends-large', 'plain');
  assert.equal(await failureType(await harness.train(growing('ends'))), 'OutOfMemory');
  assert.equal(world.count('runTrainingJob'), 2);
  assert.equal(await failureType(await harness.train(request('plain', 'plain'))), 'OutOfMemory');
  assert.equal(world.count('enlargeMachine'), 1);
});

test('where the site has no room for a larger VM, the run ends for what it ended for', async () => {
  const { world } = harness;
  tooSmall('crowded');
  world.instead('enlargeMachine', () => {
    throw failure('QuotaExceeded');
  });
  assert.equal(await failureType(await harness.train(growing('crowded'))), 'OutOfMemory');
  assert.deepEqual(
    world.values('returnVirtualMachine').map(({ machine }) => machine),
    ['crowded'],
  );
});

test('what the script logged on the smaller VM is in Azure ML before it goes on, and the rest follows', async () => {
  const { world } = harness;
  tooSmall('logs');
  const point = (step: number): Metric => ({ name: 'loss', value: 1, step, timestamp: step });
  world.instead('readMetrics', async ({ after }): Promise<MetricsBatch> => {
    await setTimeout(500); // longer than it takes to give the VM up
    const offset = after.offset + 2;
    const points = [point(after.offset), point(after.offset + 1)];
    return { points, after: { ...after, offset, steps: { loss: offset - 1 } }, withheld: 0, ended: true };
  });
  const run = await harness.train(growing('logs'));
  await run.result();
  assert.deepEqual(
    world.values('logMetrics').flatMap(({ points }) => points.map(({ step }) => step)),
    [0, 1, 2, 3],
  );
  const order = world.verbs('logMetrics', 'cleanJob', 'finishRun');
  assert.deepEqual(order, ['logMetrics', 'cleanJob', 'logMetrics', 'finishRun', 'cleanJob']);
  assert.equal(world.values('issueReceipt')[0]?.completed.published?.points, 4);
});
