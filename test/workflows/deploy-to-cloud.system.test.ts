import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { Context } from '@temporalio/activity';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import { ServingList } from '../../domain/cloud-deployment.ts';
import { DeployModelResult, type DeployModelInput } from '../../domain/deployment.ts';
import { CLOUD_QUEUE } from '../../domain/resource-names.ts';
import { ServiceError } from '../../services/errors.ts';
import { until } from '../support/until.ts';
import { failureOf, startHarness, status, type Harness } from './support/harness.ts';

let harness: Harness;
before(async () => (harness = await startHarness()));
after(() => harness?.stop());
beforeEach(() => harness.world.reset());

type Asked = Partial<DeployModelInput> & Pick<DeployModelInput, 'model'>;

const begin = (input: Asked): Promise<WorkflowHandle> =>
  harness.client.workflow.start('deployModel', {
    workflowId: `deploy-${randomUUID()}`,
    taskQueue: CLOUD_QUEUE,
    args: [{ site: 'demo', to: 'cloud', ...input }],
  });
const deploy = async (input: Asked): Promise<DeployModelResult> =>
  DeployModelResult.parse(await (await begin(input)).result());

/** A version serves alone: all of the traffic, the only deployment, on record. */
function assertServes(model: string, version: number): void {
  const { endpoints, records } = harness.world.cloudEndpoints;
  const { current } = records.get(model) ?? {};
  assert.equal(current?.version, version);
  const name = current?.deployment ?? '';
  assert.deepEqual(endpoints.get(`et-${model}`), { deployments: new Set([name]), traffic: { [name]: 100 } });
}

const broken = (type: string) =>
  new ServiceError({ class: 'script', type, cause: 'it does not hold', nextStep: 'Look.', retryable: false });

test('a version gets the traffic when it has shown that it holds, and then what served before goes; no VM is asked', async () => {
  const { world } = harness;
  const first = await deploy({ model: 'straight', version: 1 });
  assert.deepEqual(
    [first.to, first.version, first.endpoint, first.address, first.test?.rows],
    ['cloud', 1, 'et-straight', 'https://et-straight/score', 2],
  );
  assertServes('straight', 1);
  const [before = ''] = world.cloudEndpoints.endpoints.get('et-straight')?.deployments ?? [];
  world.instead('testCloudDeployment', () => {
    assert.deepEqual(world.cloudEndpoints.endpoints.get('et-straight')?.traffic, { [before]: 100 });
  });
  world.instead('watchCloudDeployment', () => {
    const { deployments, traffic } = world.cloudEndpoints.endpoints.get('et-straight') ?? {};
    assert.equal(deployments?.size, 2, 'the old version runs until the new one has held');
    assert.equal(traffic?.[before], undefined);
  });
  world.calls.length = 0;
  const second = await deploy({ model: 'straight', version: 2 });
  assert.deepEqual([second.version, second.replaced], [2, 1]);
  assertServes('straight', 2);
  assert.deepEqual(world.verbs(), [
    ...['planCloudDeployment', 'findServingImage', 'verifyCloudImage', 'makeCloudDeployment', 'testCloudDeployment'],
    ...['routeEndpoint', 'watchCloudDeployment', 'recordCloudDeployment', 'retireCloudDeployments'],
  ]);
  const list: unknown = await harness.client.workflow.execute('listDeployments', {
    workflowId: `list-${randomUUID()}`,
    taskQueue: CLOUD_QUEUE,
    args: [{ site: 'demo' }],
  });
  assert.ok(ServingList.parse(list).deployments.some((each) => 'to' in each && each.model === 'straight'));
});

test('rollback goes back by the same way, to the image that served', async () => {
  const { world } = harness;
  await deploy({ model: 'back', version: 1 });
  await deploy({ model: 'back', version: 2 });
  world.reset();
  const back = await deploy({ model: 'back', action: 'rollback' });
  assert.deepEqual([back.version, back.replaced], [1, 2]);
  assertServes('back', 1);
  assert.equal(world.count('testCloudDeployment'), 1);
  assert.match(world.values('findServingImage')[0]?.digest ?? '', /^sha256:1{64}$/);
});

for (const [verb, type] of [
  ['verifyCloudImage', 'ImageUnsigned'],
  ['makeCloudDeployment', 'DeploymentFailed'],
  ['testCloudDeployment', 'SmokeTestFailed'],
  ['watchCloudDeployment', 'ServiceDied'],
] as const)
  test(`${type}: the old version has the traffic, the new one is gone`, async () => {
    const { world } = harness;
    const model = type.toLowerCase();
    await deploy({ model, version: 1 });
    world.instead(verb, () => {
      throw broken(type);
    });
    const run = await begin({ model, version: 2 });
    assert.equal((await failureOf(run.result())).type, type);
    assertServes(model, 1);
    const shown = await status(run);
    assert.equal(shown.state, 'failed');
    assert.ok(shown.steps.every(({ where }) => where === 'cloud'));
    assert.equal(shown.steps.find(({ name }) => name === 'retire')?.state, 'skipped');
  });

test('the first version that fails leaves no endpoint', async () => {
  const { world } = harness;
  world.instead('watchCloudDeployment', () => {
    throw broken('ServiceDied');
  });
  assert.equal((await failureOf((await begin({ model: 'first' })).result())).type, 'ServiceDied');
  assert.equal(world.cloudEndpoints.endpoints.has('et-first'), false);
  assert.equal(world.cloudEndpoints.records.has('first'), false);
});

test('cancelled while it is watched: the traffic is where it was', async () => {
  const { world } = harness;
  await deploy({ model: 'cancelled', version: 1 });
  world.instead('watchCloudDeployment', async () => {
    await Context.current().cancelled;
  });
  const run = await begin({ model: 'cancelled', version: 2 });
  await until('it is watched', () => world.count('watchCloudDeployment') === 2);
  await run.cancel();
  await assert.rejects(
    run.result(),
    (error) => error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure,
  );
  assertServes('cancelled', 1);
});

test('cancelled while it is written down: the new version is the one, whole', async () => {
  const { world } = harness;
  await deploy({ model: 'late', version: 1 });
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  world.instead('recordCloudDeployment', async () => {
    await held;
    return undefined;
  });
  const run = await begin({ model: 'late', version: 2 });
  await until('it is written down', () => world.count('recordCloudDeployment') === 2);
  await run.cancel();
  release();
  await run.result().catch(() => {});
  assertServes('late', 2);
});

test('undeploy asks nobody any more, and then leaves no endpoint', async () => {
  const { world } = harness;
  await deploy({ model: 'away', version: 1 });
  world.instead('removeEndpoint', () => {
    assert.deepEqual(world.cloudEndpoints.endpoints.get('et-away')?.traffic, {});
  });
  const gone = await deploy({ model: 'away', action: 'undeploy' });
  assert.deepEqual([gone.version, gone.replaced], [undefined, 1]);
  assert.equal(world.cloudEndpoints.endpoints.has('et-away'), false);
});

test('a VM is no place in the cloud: refused in the first task', async () => {
  const run = await begin({ model: 'wrong', virtualMachine: 'vm-a' });
  assert.equal((await failureOf(run.result())).type, 'InvalidInput');
  assert.equal(harness.world.calls.length, 0);
});
