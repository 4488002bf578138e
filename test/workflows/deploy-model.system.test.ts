import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { Context } from '@temporalio/activity';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import { DeploymentList, DeployModelResult, type DeployModelInput } from '../../domain/deployment.ts';
import { CLOUD_QUEUE } from '../../domain/resource-names.ts';
import { ServiceError } from '../../services/errors.ts';
import { until } from '../support/until.ts';
import { failureOf, startHarness, status, type Harness } from './support/harness.ts';
import { request } from './support/samples.ts';

let harness: Harness;
before(async () => (harness = await startHarness()));
after(() => harness?.stop());
beforeEach(() => harness.world.reset());

type Asked = Partial<DeployModelInput> & Pick<DeployModelInput, 'model'>;

const begin = (input: Asked): Promise<WorkflowHandle> =>
  harness.client.workflow.start('deployModel', {
    workflowId: `deploy-${randomUUID()}`,
    taskQueue: CLOUD_QUEUE,
    args: [{ site: 'demo', ...input }],
  });
const deploy = async (input: Asked): Promise<DeployModelResult> =>
  DeployModelResult.parse(await (await begin(input)).result());
const standing = (model: string) => harness.world.deployments.standing(model);
const versionOf = (model: string) => harness.world.deployments.records.get(model)?.current.version;

/** A version serves alone, on record and in the traffic. */
function assertServes(model: string, version: number): void {
  const { deployments } = harness.world;
  const { routed, services } = standing(model);
  assert.equal(versionOf(model), version);
  assert.equal(routed, deployments.records.get(model)?.current.service);
  assert.deepEqual(services, [routed]);
}

const broken = (type: string) =>
  new ServiceError({ class: 'script', type, cause: 'it does not hold', nextStep: 'Look.', retryable: false });

test('a version gets the traffic when it has shown that it holds, and then what served before goes', async () => {
  const { world } = harness;
  const first = await deploy({ model: 'straight', version: 1 });
  assert.deepEqual([first.version, first.address, first.test?.rows], [1, 'http://127.0.0.1:8100', 3]);
  assertServes('straight', 1);
  const before = standing('straight').routed;
  world.instead(
    'testService',
    () => void assert.equal(standing('straight').routed, before, 'no traffic before the test'),
  );
  world.instead('watchService', () => {
    const { routed, services } = standing('straight');
    assert.notEqual(routed, before);
    assert.equal(services.length, 2, 'the old version runs until the new one has held');
  });
  const second = await deploy({ model: 'straight', version: 2 });
  assert.deepEqual([second.version, second.replaced], [2, 1]);
  assertServes('straight', 2);
  assert.deepEqual(
    world
      .verbs('startService', 'testService', 'routeService', 'watchService', 'recordDeployment', 'retireOthers')
      .slice(6),
    ['startService', 'testService', 'routeService', 'watchService', 'recordDeployment', 'retireOthers'],
  );
  const list = (await harness.client.workflow.execute('listDeployments', {
    workflowId: `list-${randomUUID()}`,
    taskQueue: CLOUD_QUEUE,
    args: [{ site: 'demo' }],
  })) as unknown;
  assert.ok(DeploymentList.parse(list).deployments.some(({ model }) => model === 'straight'));
});

test('who may ask from elsewhere is let in once the traffic is there, and shut out with what was taken away', async () => {
  const { world } = harness;
  const elsewhere = { port: 8100, address: 'https://10.20.0.4:8100', certificate: 'PEM' };
  world.instead('planDeployment', async ({ input, workflowId }) => {
    const plan = world.deployments.plan(input, workflowId, 'd'.repeat(20));
    return { ...plan, listen: '0.0.0.0', virtualMachine: { ...plan.virtualMachine, upToDate: true } };
  });
  world.instead('routeService', async ({ plan, service }) => ({
    ...world.deployments.route(plan.front, service),
    ...elsewhere,
  }));
  const result = await deploy({ model: 'elsewhere', version: 1 });
  assert.deepEqual([result.address, result.certificate], [elsewhere.address, elsewhere.certificate]);
  assert.deepEqual(world.verbs('routeService', 'settleServingRule', 'watchService'), [
    'routeService',
    'settleServingRule',
    'watchService',
  ]);
  const [watched] = world.values('watchService');
  assert.deepEqual([watched?.address, watched?.certificate], [elsewhere.address, elsewhere.certificate]);
  assert.equal(world.values('recordDeployment')[0]?.certificate, elsewhere.certificate);
  await deploy({ model: 'elsewhere', action: 'undeploy' });
  assert.deepEqual(
    world.values('settleServingRule').map(({ serves }) => serves),
    [true, false],
  );
  world.instead('watchService', () => {
    throw broken('ServiceDied');
  });
  assert.equal((await failureOf((await begin({ model: 'elsewhere' })).result())).type, 'ServiceDied');
  assert.deepEqual(
    world.values('settleServingRule').map(({ serves }) => serves),
    [true, false, true, false],
  );
  assert.equal(world.count('enrolVirtualMachine'), 3, 'the warm VM gets the site’s file as it is now');
});

test('rollback goes back by the same way, and back again', async () => {
  const { world } = harness;
  await deploy({ model: 'back', version: 1 });
  await deploy({ model: 'back', version: 2 });
  world.reset();
  const back = await deploy({ model: 'back', action: 'rollback' });
  assert.deepEqual([back.version, back.replaced], [1, 2]);
  assertServes('back', 1);
  assert.equal(world.count('testService'), 1);
  const image = world.values('findServingImage')[0];
  assert.match(image?.digest ?? '', /^sha256:1{64}$/, 'the image that served is asked for by its digest');
  assert.equal((await deploy({ model: 'back', action: 'rollback' })).version, 2);
});

for (const [verb, type] of [
  ['testService', 'SmokeTestFailed'],
  ['watchService', 'ServiceDied'],
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
    assert.equal(shown.steps.find(({ name }) => name === 'retire')?.state, 'skipped');
    // The VM is free again.
    world.reset();
    await deploy({ model, version: 3 });
    assertServes(model, 3);
  });

test('the first version that fails leaves nothing', async () => {
  const { world } = harness;
  world.instead('watchService', () => {
    throw broken('ServiceDied');
  });
  assert.equal((await failureOf((await begin({ model: 'first' })).result())).type, 'ServiceDied');
  assert.deepEqual(standing('first'), { routed: undefined, services: [] });
  assert.equal(versionOf('first'), undefined);
});

test('cancelled while it is watched: the traffic is where it was', async () => {
  const { world } = harness;
  await deploy({ model: 'cancelled', version: 1 });
  world.instead('watchService', async () => {
    await Context.current().cancelled;
  });
  const run = await begin({ model: 'cancelled', version: 2 });
  await until('it is watched', () => world.count('watchService') === 2);
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
  world.instead('recordDeployment', async () => {
    await held;
    return undefined;
  });
  const run = await begin({ model: 'late', version: 2 });
  await until('it is written down', () => world.count('recordDeployment') === 2);
  await run.cancel();
  release();
  await run.result().catch(() => {});
  assertServes('late', 2);
});

test('undeploy closes the port first, and leaves nothing on the VM or on record', async () => {
  const { world } = harness;
  await deploy({ model: 'away', version: 1 });
  world.instead('retireOthers', () => void assert.equal(standing('away').routed, undefined));
  const gone = await deploy({ model: 'away', action: 'undeploy' });
  assert.deepEqual([gone.version, gone.replaced], [undefined, 1]);
  assert.deepEqual(standing('away'), { routed: undefined, services: [] });
  assert.equal(versionOf('away'), undefined);
});

test('an idle VM on which a model serves is left up, and its workflow ends', async () => {
  const { world } = harness;
  world.idleSeconds = 0;
  world.instead('deallocateVirtualMachine', () => 'serves');
  await (await harness.train(request('vm-serves', 'serves'))).result();
  await harness.client.workflow.getHandle('vm-vm-serves').result();
  assert.equal(world.power.get('vm-serves'), 'running');
  assert.equal(world.count('deallocateVirtualMachine'), 1);
});

test('an input that contradicts itself is refused in the first task', async () => {
  const { world } = harness;
  const run = await begin({ model: 'wrong', action: 'rollback', version: 2 });
  assert.equal((await failureOf(run.result())).type, 'InvalidInput');
  assert.deepEqual(world.asked, []);
});
