import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Context } from '@temporalio/activity';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import { CLOUD_QUEUE, deployWorkflowId } from '../../domain/resource-names.ts';
import { TrainModelResult } from '../../domain/train-model-result.ts';
import { ServiceError } from '../../services/errors.ts';
import { until } from '../support/until.ts';
import { failureOf, startHarness, status, type Harness } from './support/harness.ts';
import { request } from './support/samples.ts';

/** A run whose last step is the deployment of what it made. */
let harness: Harness;
before(async () => (harness = await startHarness()));
after(() => harness?.stop());
beforeEach(() => harness.world.reset());

const train = (model: string): Promise<WorkflowHandle> =>
  harness.train({ ...request(`train-${model}`, model), deploy: 'site' });
const deployment = (model: string): WorkflowHandle =>
  harness.client.workflow.getHandle(deployWorkflowId('demo', model));
const served = (model: string) => harness.world.deployments.records.get(model)?.current.version;
const lastStep = async (run: WorkflowHandle) => (await status(run)).steps.at(-1);

/** The run's VM has been given back, and what it released stays. */
function assertMade(): void {
  const { world } = harness;
  assert.equal(world.count('returnVirtualMachine') >= 1, true);
  assert.deepEqual(
    [world.count('buildImage'), world.count('withdrawRegistration'), world.count('discardRun')],
    [1, 0, 0],
  );
}

test('the version that it made serves, by the model’s own deployment, and the result says where', async () => {
  const { world } = harness;
  const run = await train('straight');
  const { model, deployed } = TrainModelResult.parse(await run.result());
  assert.deepEqual([model.version, deployed?.version, deployed?.address], [1, 1, 'http://127.0.0.1:8100']);
  assert.equal(served('straight'), 1);
  assert.equal((await deployment('straight').describe()).type, 'deployModel');
  const step = await lastStep(run);
  assert.deepEqual([step?.name, step?.state], ['deploy', 'done']);
  assert.deepEqual(world.values('planDeployment')[0]?.input, {
    ...{ site: 'demo', model: 'straight', action: 'deploy', version: 1 },
  });
  assert.equal(TrainModelResult.parse(await (await train('straight')).result()).deployed?.replaced, 1);
  assert.equal(served('straight'), 2);
});

test('in the cloud, too; and where the cloud worker would refuse it, nothing is trained', async () => {
  const { world } = harness;
  const asked = (model: string) => harness.train({ ...request(`train-${model}`, model), deploy: 'cloud' });
  const run = await asked('cloudy');
  const { deployed } = TrainModelResult.parse(await run.result());
  assert.deepEqual([deployed?.to, deployed?.version, deployed?.address], ['cloud', 1, 'https://et-cloudy/score']);
  const step = await lastStep(run);
  assert.deepEqual([step?.name, step?.where, step?.state], ['deploy', 'cloud', 'done']);
  const child = harness.client.workflow.getHandle(deployWorkflowId('demo', 'cloudy', 'cloud'));
  assert.equal((await child.describe()).type, 'deployModel');
  assert.equal(world.count('planDeployment'), 0);

  world.instead('planCloudDeployment', () => {
    const trouble = { class: 'policy', type: 'CloudDeploymentsNotAllowed', cause: 'none', nextStep: 'Ask.' } as const;
    throw new ServiceError({ ...trouble, retryable: false });
  });
  world.calls.length = 0;
  assert.equal((await failureOf((await asked('forbidden')).result())).type, 'CloudDeploymentsNotAllowed');
  assert.deepEqual(world.verbs(), ['planCloudDeployment']);
});

test('a run that was not asked to has no such step', async () => {
  const run = await harness.train(request('train-plain', 'plain'));
  assert.equal(TrainModelResult.parse(await run.result()).deployed, undefined);
  assert.ok((await status(run)).steps.every(({ name }) => name !== 'deploy'));
  assert.equal(harness.world.count('planDeployment'), 0);
});

test('a version that does not hold stays registered, and the run fails with the reason and the way on', async () => {
  const { world } = harness;
  world.instead('watchService', () => {
    const trouble = { class: 'script', type: 'ServiceDied', cause: 'it does not hold', nextStep: 'Look.' } as const;
    throw new ServiceError({ ...trouble, retryable: false });
  });
  const run = await train('frail');
  const { type, cause, nextStep } = await failureOf(run.result());
  assert.equal(type, 'ServiceDied');
  assert.match(cause, /^frail:1 is registered and its image built, but it does not serve: it does not hold$/);
  assert.match(nextStep, /^Look\. To deploy it later: edge-train deploy frail:1 --to demo\.$/);
  assert.equal(served('frail'), undefined);
  assertMade();
});

test('a run that is cancelled meanwhile cancels the deployment, and the version stays', async () => {
  const { world } = harness;
  world.instead('watchService', async () => {
    await Context.current().cancelled;
  });
  const run = await train('unwanted');
  await until('it is watched', () => world.count('watchService') === 1);
  await run.cancel();
  await assert.rejects(
    run.result(),
    (error) => error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure,
  );
  assert.equal((await deployment('unwanted').describe()).status.name, 'CANCELLED');
  assert.deepEqual(world.deployments.standing('unwanted'), { routed: undefined, services: [] });
  assertMade();
});

test('a deployment that is cancelled by itself fails the run by that name', async () => {
  const { world } = harness;
  world.instead('watchService', async () => {
    await Context.current().cancelled;
  });
  const run = await train('stopped');
  await until('it is watched', () => world.count('watchService') === 1);
  await deployment('stopped').cancel();
  const { type, class: kind } = await failureOf(run.result());
  assert.deepEqual([type, kind], ['DeploymentCancelled', 'input']);
  assert.equal((await status(run)).state, 'failed');
  assertMade();
});

test('another deployment of the model is waited for', async (t) => {
  const { world } = harness;
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  t.after(() => release());
  world.instead('watchService', () => held);
  const other = await harness.client.workflow.start('deployModel', {
    workflowId: deployWorkflowId('demo', 'queued'),
    taskQueue: CLOUD_QUEUE,
    args: [{ site: 'demo', model: 'queued', version: 1 }],
  });
  await until('the other is watched', () => world.count('watchService') === 1);
  const run = await train('queued');
  await until('the run waits', async () => /^waits for another/.test((await lastStep(run))?.detail ?? ''), 60);
  assert.equal(world.count('planDeployment'), 1);
  release();
  await other.result();
  assert.equal(TrainModelResult.parse(await run.result()).deployed?.replaced, 1);
});
