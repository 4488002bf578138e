import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ModelChangeRequest } from '../../domain/model-change.ts';
import { modelPath } from '../../domain/resource-names.ts';
import { receiptStatement, type ReceiptPredicate } from '../../domain/statement.ts';
import { findManifest } from '../../services/container-registry/manifests.ts';
import { ServiceError } from '../../services/errors.ts';
import { finishRun, recordRun } from '../../services/mlflow.ts';
import { canonicalJson, generateSigningKey, sha256, signStatement } from '../../services/signing.ts';
import { predicate } from '../client/receipt-sample.ts';
import { startLightCloud, type LightCloud } from './light-cloud.ts';

let cloud: LightCloud;
before(async () => (cloud = await startLightCloud()));
after(() => cloud?.[Symbol.asyncDispose]());

const change = (change: ModelChangeRequest['change'], at = new Date().toISOString()) =>
  cloud.activities.changeModel({ holder: { workflowId: 'w', runId: 'r', job: '0'.repeat(20) }, change, at });
const by = 'ada@ward';
const promote = (model: string, version: number, alias = 'champion') =>
  change({ action: 'promote', site: 'demo', model, version, alias, by });
const archive = (model: string, version: number) => change({ action: 'archive', site: 'demo', model, version, by });
const restore = (model: string, version: number) => change({ action: 'restore', site: 'demo', model, version, by });
const show = (model: string, more: { version?: number; alias?: string } = {}) =>
  cloud.activities.showModel({ site: 'demo', model, ...more });
const type = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof ServiceError, String(error));
  assert.equal(error.type, expected, error.message);
  return true;
};

async function model(name: string, versions = [1, 2, 3]): Promise<void> {
  for (const version of versions) {
    await cloud.putVersion(name, version);
    await cloud.putImage(`edge-train/${name}`, `v${version}`);
  }
}

test('a site’s models are listed with their newest version that is not archived, and no other site’s', async () => {
  await model('heart');
  await cloud.putVersion('heart', 4, { isArchived: true });
  await cloud.putVersion('theirs', 1, { site: 'elsewhere' });
  await promote('heart', 2);
  const { models } = await cloud.activities.listModels('demo');
  const heart = models.find((each) => each.model === 'heart');
  assert.deepEqual([heart?.newest, heart?.versions, heart?.archived], [3, 4, 1]);
  assert.deepEqual(
    heart?.aliases.map(({ alias, version }) => [alias, version]),
    [['champion', 2]],
  );
  assert.deepEqual(
    models.filter((each) => each.model === 'theirs'),
    [],
  );
  await assert.rejects(cloud.activities.listModels('elsewhere'), type('InvalidInput'));
});

test('a version is shown with its names, its image, where it comes from, and the user’s own tags', async () => {
  await model('shown', [1]);
  const lineage = { workflow: 'train-demo-shown-0', data: sha256('data'), 'data.files': '3', code: sha256('code') };
  await cloud.putVersion('shown', 2, { tags: { ...lineage, team: 'oncology', 'image.repository': 'team/shown' } });
  const all = await show('shown');
  assert.deepEqual(
    all.registered.map(({ version, aliases }) => [version, aliases]),
    [
      [2, ['latest']],
      [1, []],
    ],
  );
  assert.equal(all.version, undefined);
  const unbuilt = (await show('shown', { version: 2 })).version;
  assert.deepEqual(unbuilt?.tags, { team: 'oncology' });
  assert.deepEqual(unbuilt?.lineage, { ...lineage, site: 'demo', job: '2'.padStart(20, '0') });
  assert.deepEqual(
    [unbuilt?.image.repository, unbuilt?.image.tag, unbuilt?.image.digest],
    ['team/shown', 'v2', undefined],
  );
  const digest = await cloud.putImage('team/shown', 'v2');
  assert.equal((await show('shown', { alias: 'latest' })).version?.image.digest, digest);
  await assert.rejects(show('shown', { version: 3 }), type('NoSuchVersion'));
  await assert.rejects(show('shown', { alias: 'champion' }), type('NoSuchAlias'));
  await assert.rejects(show('never'), type('NoSuchModel'));
});

test('an archived version is not deployed and not latest, is still shown, and can be restored', async () => {
  await model('old');
  await promote('old', 1);
  const find = (version?: number) =>
    cloud.activities.findServingImage({ site: 'demo', model: 'old', ...(version ? { version } : {}) } as never);
  const latest = async () => (await findManifest(cloud.registry, 'edge-train/old', 'latest'))?.digest;
  const { client, group, name } = cloud.workspace;
  const before = await client.modelVersions.get(group, name, 'old', '3');
  assert.equal((await archive('old', 3)).archived, true);
  const after = await client.modelVersions.get(group, name, 'old', '3');
  assert.deepEqual(after.properties, { ...before.properties, isArchived: true }, 'all else of it is as it was');
  assert.equal((await find()).version, 2);
  await assert.rejects(find(3), type('NoSuchVersion'));
  assert.equal(await latest(), (await findManifest(cloud.registry, 'edge-train/old', 'v2'))?.digest);
  assert.equal((await show('old', { version: 3 })).version?.archived, true);
  await assert.rejects(promote('old', 3), type('NoSuchVersion'));
  await archive('old', 3);

  await assert.rejects(archive('old', 1), type('VersionNamed'));
  assert.equal((await show('old', { version: 1 })).version?.archived, false);
  await restore('old', 3);
  assert.equal((await find()).version, 3);
  assert.equal(await latest(), (await findManifest(cloud.registry, 'edge-train/old', 'v3'))?.digest);
  await assert.rejects(archive('old', 9), type('NoSuchVersion'));
});

test('a model whose versions are all archived has no latest', async () => {
  await model('gone', [1]);
  await change({ action: 'follow', site: 'demo', model: 'gone' });
  await archive('gone', 1);
  assert.equal(await findManifest(cloud.registry, 'edge-train/gone', 'latest'), undefined);
  assert.ok(await findManifest(cloud.registry, 'edge-train/gone', 'v1'));
});

const key = generateSigningKey();
/** A version with a run in Azure ML and a receipt beside its model. */
async function proven(
  name: string,
  version: number,
  auc: number,
  change: (receipt: ReceiptPredicate) => void = () => {},
) {
  const job = version.toString(16).padStart(20, '0');
  const run = { experiment: name, job, name, startTime: 1, tags: {} };
  const { runId } = await recordRun(cloud.tracking, run);
  await finishRun(cloud.tracking, {
    ...{ runId, status: 'FINISHED', endTime: 2, parameters: { rate: '0.1' } },
    metrics: [{ name: 'auc', value: auc, step: 0, timestamp: 1 }],
  });
  const receipt = structuredClone(predicate(job));
  change(receipt);
  const envelope = signStatement(receiptStatement(receipt), key.privateKey);
  const text = canonicalJson(envelope);
  const blob = cloud.models.getBlockBlobClient(`${modelPath(name, job)}.receipt.json`);
  await blob.upload(text, text.length);
  const tags = { run: runId, receipt: sha256(text), data: receipt.data.rootDigest, team: 'x' };
  await cloud.putVersion(name, version, { tags });
  return blob;
}

test('of two versions what differs is told: lineage, tags, metrics, files by their receipts', async () => {
  await proven('two', 1, 0.9);
  const blob = await proven('two', 2, 0.95, ({ released, data }) => {
    data.rootDigest = sha256('other data');
    released.artifacts[1]!.sha256 = sha256('other weights');
    released.artifacts.push({ path: 'extra.json', sha256: sha256('extra'), bytes: 5 });
  });
  const compare = (one: object, other: object) =>
    cloud.activities.compareVersions({
      site: 'demo',
      one: { model: 'two', ...one },
      other: { model: 'two', ...other },
    });
  const found = await compare({ version: 1 }, {});
  assert.deepEqual([found.one.version, found.other.version], [1, 2], 'without a version it is the newest');
  assert.deepEqual(found.metrics, [{ name: 'auc', one: '0.9', other: '0.95' }]);
  assert.deepEqual([found.parameters, found.tags], [[], []]);
  const data = found.lineage.find(({ name }) => name === 'data');
  assert.deepEqual(data, { name: 'data', one: sha256('data'), other: sha256('other data') });
  assert.deepEqual(found.files, [
    {
      path: 'data/weights.bin',
      one: { sha256: sha256('weights'), bytes: 7 },
      other: { sha256: sha256('other weights'), bytes: 7 },
    },
    { path: 'extra.json', other: { sha256: sha256('extra'), bytes: 5 } },
  ]);
  assert.equal(found.sameImage, undefined, 'neither has an image');
  for (const tag of ['v1', 'v2']) await cloud.putImage('edge-train/two', tag, 'the same');
  assert.equal((await compare({ version: 1 }, { version: 2 })).sameImage, true);

  const text = canonicalJson(signStatement(receiptStatement(predicate()), key.privateKey));
  await blob.upload(text, text.length);
  assert.equal((await compare({ version: 1 }, { version: 2 })).files, undefined, 'another receipt is not believed');
  await cloud.putVersion('two', 3, { tags: { run: 'never' } });
  const unknown = await compare({ version: 1 }, { version: 3 });
  assert.deepEqual([unknown.metrics, unknown.files], [undefined, undefined]);
  await assert.rejects(compare({ version: 1 }, { version: 9 }), type('NoSuchVersion'));
});
