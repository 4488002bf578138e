import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure, WorkflowFailedError } from '@temporalio/client';
import { CLOUD_QUEUE, modelWorkflowId } from '../../domain/resource-names.ts';
import { ModelChangeResult } from '../../domain/model-change.ts';
import { CleanedRegistry } from '../../domain/registry-cleaning.ts';
import { TrainModelResult } from '../../domain/train-model-result.ts';
import { ServiceError } from '../../services/errors.ts';
import { until } from '../support/until.ts';
import { failureOf, startHarness, type Harness } from './support/harness.ts';
import { request } from './support/samples.ts';

let harness: Harness;
before(async () => (harness = await startHarness()));
after(() => harness?.stop());
beforeEach(() => harness.world.reset());

test('runs that register one model at once get versions one after the other, none twice', async () => {
  const { world } = harness;
  let together = 0;
  let most = 0;
  world.instead('registerModel', async () => {
    most = Math.max(most, ++together);
    await new Promise((resolve) => setImmediate(resolve));
    together--;
  });
  const runs = await Promise.all([1, 2, 3].map((i) => harness.train(request(`vm-${i}`, 'many'))));
  const versions = await Promise.all(runs.map(async (run) => TrainModelResult.parse(await run.result()).model.version));
  assert.deepEqual(versions.sort(), [1, 2, 3]);
  assert.equal(most, 1);
  await harness.client.workflow.getHandle(modelWorkflowId('many')).result();
});

test('a request that is sent twice, and one that is sent again after its answer, make one version', async () => {
  const { world } = harness;
  world.instead('requestRegistration', async (asked) => {
    await world.reallyRegister(asked);
    await world.reallyRegister(asked);
    return null;
  });
  const run = await harness.train(request('vm-1', 'twice'));
  const { model } = TrainModelResult.parse(await run.result());
  assert.equal(model.version, 1);
  const asked = world.values('requestRegistration')[0];
  assert.ok(asked);
  await world.reallyRegister(asked);
  const workflow = harness.client.workflow.getHandle(modelWorkflowId('twice'));
  await workflow.result();
  const next = TrainModelResult.parse(await (await harness.train(request('vm-1', 'twice'))).result());
  assert.equal(next.model.version, 2);
});

test('a version that is refused fails its run, and the next is served', async () => {
  const { world } = harness;
  world.instead('registerModel', (_, times) => {
    if (times > 1) return undefined;
    throw new ServiceError({
      class: 'policy',
      type: 'ForeignModel',
      cause: 'the model belongs to another site',
      nextStep: 'Choose another name.',
      retryable: false,
    });
  });
  const [first, second] = await Promise.all([
    harness.train(request('vm-1', 'foreign')),
    harness.train(request('vm-2', 'foreign')),
  ]);
  const ends = await Promise.allSettled([first.result(), second.result()]);
  const refused = ends.filter((end) => end.status === 'rejected');
  assert.equal(refused.length, 1);
  const { cause } = refused[0]?.reason as WorkflowFailedError;
  assert.ok(cause instanceof ApplicationFailure);
  assert.equal(cause.type, 'ForeignModel');
});

test('a run that was terminated while it waited for its version holds nobody up', async () => {
  const { world } = harness;
  let go = () => {};
  const gone = new Promise<void>((resolve) => (go = resolve));
  world.instead('registerModel', async (_, times) => {
    if (times === 1) await gone;
  });
  const first = await harness.train(request('vm-1', 'left'));
  await until('the first registers', () => world.count('registerModel') === 1);
  await first.terminate('test');
  go();
  const second = TrainModelResult.parse(await (await harness.train(request('vm-2', 'left'))).result());
  assert.equal(second.model.version, 2);
});

test('a run that is cancelled while others wait for the same model gives way, and takes back what it released', async () => {
  const { world } = harness;
  world.instead('registerModel', (_, times) => (times === 1 ? Context.current().cancelled : undefined));
  const first = await harness.train(request('vm-1', 'withdrawn'));
  await until('the first registers', () => world.count('registerModel') === 1);
  const second = await harness.train(request('vm-2', 'withdrawn'));
  await until('the second waits', () => world.count('requestRegistration') === 2);
  await first.cancel();
  await assert.rejects(
    first.result(),
    (error) => error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure,
  );
  assert.equal(TrainModelResult.parse(await second.result()).model.version, 1);
  assert.deepEqual(
    world.values('discardRelease').map(({ model, holder }) => [model, holder.workflowId]),
    [['withdrawn', first.workflowId]],
  );
});

test('a version that had been made when its run was cancelled stays, and so does all that it is made of', async () => {
  const { world } = harness;
  world.instead('registerModel', () => Context.current().cancelled);
  world.instead('discardRelease', () => 'registered');
  const run = await harness.train(request('vm-1', 'late'));
  await until('it registers', () => world.count('registerModel') === 1 && world.count('finishRun') === 1);
  await run.cancel();
  await assert.rejects(run.result());
  assert.deepEqual(
    world.values('finishRun').map(({ status }) => status),
    ['FINISHED'],
  );
  assert.equal(world.count('discardRun'), 0);
});

let changed = 0;
const change = (model: string, input: object) =>
  harness.client.workflow.start('changeModel', {
    workflowId: `change-${model}-${++changed}`,
    taskQueue: CLOUD_QUEUE,
    args: [{ action: 'promote', site: 'demo', model, by: 'ada', ...input }],
  });

test('aliases of one model are moved one after the other, each with its answer', async () => {
  const { world } = harness;
  let together = 0;
  let most = 0;
  world.instead('changeModel', async () => {
    most = Math.max(most, ++together);
    await new Promise((resolve) => setTimeout(resolve, 20));
    together--;
  });
  const runs = await Promise.all([1, 2, 3].map((version) => change('named', { version })));
  const results = await Promise.all(runs.map(async (run) => ModelChangeResult.parse(await run.result())));
  assert.deepEqual(
    results.map(({ version, alias }) => [version, alias]),
    [
      [1, 'champion'],
      [2, 'champion'],
      [3, 'champion'],
    ],
  );
  assert.equal(most, 1);
  const [first] = world.values('changeModel');
  assert.equal(first?.change.action === 'promote' && first.change.by, 'ada');
  await harness.client.workflow.getHandle(modelWorkflowId('named')).result();
});

test('a change that is asked for twice is made once, and one that is tried again goes on to its end', async () => {
  const { world } = harness;
  let asked = 0;
  world.instead('changeModel', (_, times) => {
    if (times < 3) throw new Error('the worker died between Azure ML and the registry');
    asked++;
  });
  world.instead('requestChange', async (request) => {
    const { workflow } = harness.client;
    const model = { taskQueue: CLOUD_QUEUE, args: [{ name: 'again' }], signal: 'requestChange', signalArgs: [request] };
    for (const _ of [1, 2]) await workflow.signalWithStart('model', { workflowId: modelWorkflowId('again'), ...model });
    return null;
  });
  const result = ModelChangeResult.parse(await (await change('again', { version: 2, alias: 'blue' })).result());
  assert.deepEqual([result.version, result.alias], [2, 'blue']);
  await harness.client.workflow.getHandle(modelWorkflowId('again')).result();
  assert.equal(asked, 1);
});

test('a change that is refused says why; a wrong one is asked of nobody', async () => {
  const { world } = harness;
  world.instead('changeModel', () => {
    throw new ServiceError({
      ...{ class: 'input', type: 'NoSuchVersion', cause: 'there is none', nextStep: 'Name one.', retryable: false },
    });
  });
  assert.equal((await failureOf((await change('none', { version: 9 })).result())).type, 'NoSuchVersion');
  for (const input of [{ version: 1, alias: 'latest' }, { version: 0 }, { version: 1, alias: 'v1' }, {}])
    assert.equal((await failureOf((await change('none', input)).result())).type, 'InvalidInput');
  assert.equal(world.count('requestChange'), 1);
});

test('latest follows when the image of a run is there, by the model’s own workflow, and no run fails of it', async () => {
  const { world } = harness;
  world.instead('changeModel', () => {
    throw new ServiceError({
      ...{ class: 'policy', type: 'Denied', cause: 'no right', nextStep: 'Give it.', retryable: false },
    });
  });
  const run = await harness.train(request('vm-1', 'followed'));
  assert.equal(TrainModelResult.parse(await run.result()).model.version, 1);
  await harness.client.workflow.getHandle(modelWorkflowId('followed')).result();
  assert.deepEqual(
    world.values('changeModel').map(({ change }) => change),
    [{ action: 'follow', site: 'demo', model: 'followed' }],
  );
  const order = world.verbs('buildImage', 'attestImage', 'requestChange', 'changeModel');
  assert.deepEqual(order, ['buildImage', 'attestImage', 'requestChange', 'changeModel']);
});

for (const to of ['site', 'cloud'] as const)
  test(`a version that serves (${to}) is not archived; another is, by the model’s own workflow`, async () => {
    const { world } = harness;
    const model = `serving-${to}`;
    await deployed({ model, version: 2, ...(to === 'cloud' ? { to } : {}) });
    world.reset();
    const archive = (version: number) => change(model, { action: 'archive', version });
    const refused = await failureOf((await archive(2)).result());
    assert.equal(refused.type, 'VersionServes');
    assert.match(refused.cause, to === 'cloud' ? /in the cloud/ : /on vm-serving-site at demo/);
    assert.equal(world.count('requestChange'), 0);
    assert.equal(ModelChangeResult.parse(await (await archive(1)).result()).archived, true);
    const restored = await (await change(model, { action: 'restore', version: 2 })).result();
    assert.equal(ModelChangeResult.parse(restored).archived, false);
  });

const deployed = (input: { model: string; version: number; to?: 'cloud' }) =>
  harness.client.workflow.execute('deployModel', {
    ...{ workflowId: `deploy-${input.model}`, taskQueue: CLOUD_QUEUE, args: [{ site: 'demo', ...input }] },
  });

test('a registry is cleaned a model at a time, and what serves or a rollback goes back to is kept', async () => {
  const { world } = harness;
  for (const version of [5, 6, 7]) await deployed({ model: 'cleaned', version });
  await deployed({ model: 'cleaned', version: 8, to: 'cloud' });
  world.reset();
  const summary = { site: 'demo', versions: 1, archived: 0, aliases: [] };
  world.instead('listModels', (site) => ({
    site,
    models: ['cleaned', 'other'].map((model) => ({ ...summary, model })),
  }));
  const start = (input: object) =>
    harness.client.workflow.execute('cleanRegistry', {
      ...{ workflowId: `clean-${++changed}`, taskQueue: CLOUD_QUEUE, args: [{ site: 'demo', ...input }] },
    });
  const repository = { repository: 'edge-train/other', removed: [], bytes: 7, tooYoung: 1 };
  world.instead('changeModel', ({ change }) =>
    change.model === 'other' ? { site: 'demo', model: 'other', cleaned: [repository] } : undefined,
  );
  const cleaned = CleanedRegistry.parse(await start({}));
  assert.deepEqual(cleaned, { site: 'demo', dryRun: true, repositories: [repository] });
  const asked = world.values('changeModel').map(({ change }) => change);
  assert.deepEqual(
    asked.map((each) => [each.action, each.model, each.action === 'clean' && each.dryRun]),
    [
      ['clean', 'cleaned', true],
      ['clean', 'other', true],
    ],
  );
  const { keep } = asked[0] as Extract<(typeof asked)[0], { action: 'clean' }>;
  const digests = ['8', '7', '6'].map((digit) => `sha256:${digit.repeat(64)}`);
  for (const digest of digests) assert.ok(keep.includes(digest), digest);
  assert.ok(!keep.includes(`sha256:${'5'.repeat(64)}`));

  await start({ model: 'other', dryRun: false, olderThanHours: 5 });
  const [, , last] = world.values('changeModel').map(({ change }) => change);
  assert.ok(last?.action === 'clean' && !last.dryRun && last.olderThanHours === 5 && last.model === 'other');

  for (const silent of ['listDeployments', 'listCloudDeployments'] as const) {
    world.instead(silent, () => {
      throw new ServiceError({
        ...{ class: 'policy', type: 'Denied', cause: 'no right', nextStep: 'Give it.', retryable: false },
      });
    });
    await assert.rejects(start({ dryRun: false }));
    assert.equal(world.count('changeModel'), 3, 'without their word nothing is removed');
  }
});
