import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { aliasesIn, latestMoveIn } from '../../domain/model-alias.ts';
import type { ModelChangeRequest, ModelChangeResult } from '../../domain/model-change.ts';
import { SIGNATURE_TYPE } from '../../domain/statement.ts';
import { attachAll } from '../../services/container-registry/attach.ts';
import { sessionReader } from '../../services/container-registry/content.ts';
import { findManifest } from '../../services/container-registry/manifests.ts';
import { RegistrySession } from '../../services/container-registry/session.ts';
import { bundleAttachment } from '../../services/image-trust/sigstore-bundle.ts';
import { ServiceError } from '../../services/errors.ts';
import { startLightCloud, type LightCloud } from './light-cloud.ts';

let cloud: LightCloud;
before(async () => (cloud = await startLightCloud()));
after(() => cloud?.[Symbol.asyncDispose]());

type Change = ModelChangeRequest['change'];
let minute = 0;
/** Each is asked for a minute after the one before, unless said otherwise. */
const change = (change: Change, at = new Date(Date.UTC(2026, 0, 2, 3, ++minute)).toISOString()) =>
  cloud.activities.changeModel({ holder: { workflowId: 'w', runId: 'r', job: '0'.repeat(20) }, change, at });
const promote = (model: string, version: number, alias = 'champion', at?: string): Promise<ModelChangeResult> =>
  change({ action: 'promote', site: 'demo', model, version, alias, by: `asker of ${version}` }, at);
const follow = (model: string) => change({ action: 'follow', site: 'demo', model });
const tagged = async (model: string, tag: string, repository = `edge-train/${model}`) =>
  (await findManifest(cloud.registry, repository, tag))?.digest;
const container = async (model: string) => {
  const { client, group, name } = cloud.workspace;
  return (await client.modelContainers.get(group, name, model)).properties;
};
const aliases = async (model: string) => aliasesIn((await container(model)).tags ?? {});
const latestMove = async (model: string) => latestMoveIn((await container(model)).tags ?? {});
const type = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof ServiceError, String(error));
  assert.equal(error.type, expected, error.message);
  return true;
};
const writes = async (of: RegExp) =>
  (await cloud.fixture.admin<{ method: string; path: string }[]>('GET', '/requests')).filter(
    ({ method, path }) => method === 'PUT' && of.test(path),
  ).length;

async function model(name: string, versions = [1, 2, 3]): Promise<Record<number, string>> {
  const digests: Record<number, string> = {};
  for (const version of versions) {
    await cloud.putVersion(name, version);
    digests[version] = await cloud.putImage(`edge-train/${name}`, `v${version}`);
  }
  return digests;
}

test('an alias names a version in Azure ML and in the registry, with who, when and from where', async () => {
  const images = await model('named');
  const { client, group, name } = cloud.workspace;
  const had = await container('named');
  const properties = { ...had, description: 'of the ward', tags: { ...had.tags, team: 'x' } };
  await client.modelContainers.createOrUpdate(group, name, 'named', { properties });
  const first = await promote('named', 2);
  assert.deepEqual(
    [first.version, first.alias, first.from, first.image?.digest],
    [2, 'champion', undefined, images[2]],
  );
  assert.equal(await tagged('named', 'champion'), images[2]);
  const second = await promote('named', 3);
  assert.deepEqual([second.version, second.from], [3, 2]);
  assert.equal(await tagged('named', 'champion'), images[3]);
  const at = new Date(Date.UTC(2026, 0, 2, 3, minute)).toISOString();
  assert.deepEqual(await aliases('named'), [{ alias: 'champion', version: 3, from: 2, by: 'asker of 3', at }]);
  const { tags = {}, description } = await container('named');
  assert.deepEqual([tags['site'], tags['team'], description], ['demo', 'x', 'of the ward'], 'all else is as it was');
  for (const version of [1, 2, 3]) assert.equal(await tagged('named', `v${version}`), images[version]);
});

test('asked for twice it is one move, and writes nothing', async () => {
  await model('twice');
  await promote('twice', 1);
  const [before, count] = [await aliases('twice'), await writes(/twice/)];
  await promote('twice', 1);
  assert.deepEqual(await aliases('twice'), before);
  assert.equal(await writes(/twice/), count);
});

test('what broke between Azure ML and the registry is done to the end, with the first record', async () => {
  const images = await model('broken');
  await promote('broken', 1);
  const fault = {
    route: 'PUT /v2/**/manifests/champion',
    moment: 'before',
    action: 'drop',
    front: 'registry',
  } as const;
  await cloud.fixture.fault(fault);
  const at = '2026-01-03T00:00:00.000Z';
  await assert.rejects(promote('broken', 2, 'champion', at), (error) => (error as ServiceError).retryable === true);
  assert.equal(await tagged('broken', 'champion'), images[1]);
  const again = await promote('broken', 2, 'champion', at);
  assert.deepEqual([again.version, again.from], [2, 1]);
  assert.equal(await tagged('broken', 'champion'), images[2]);
  assert.deepEqual(await aliases('broken'), [{ alias: 'champion', version: 2, from: 1, by: 'asker of 2', at }]);
});

test('a move that was asked for before the last one does not come back', async () => {
  const images = await model('late');
  await promote('late', 3, 'champion', '2026-01-04T00:00:00.000Z');
  await assert.rejects(promote('late', 2, 'champion', '2026-01-03T23:59:59.999Z'), type('AliasMoved'));
  assert.equal(await tagged('late', 'champion'), images[3]);
});

test('what cannot be named is refused before anything is written', async () => {
  await model('refused', [1]);
  await cloud.putVersion('refused', 2);
  await cloud.putVersion('refused', 3, { isArchived: true });
  await cloud.putVersion('foreign', 1, { site: 'elsewhere' });
  const count = await writes(/./);
  await assert.rejects(promote('refused', 2), type('ImageNotBuilt'));
  await assert.rejects(promote('refused', 3), type('NoSuchVersion'));
  await assert.rejects(promote('refused', 4), type('NoSuchVersion'));
  await assert.rejects(promote('never', 1), type('NoSuchModel'));
  await assert.rejects(promote('foreign', 1), type('ModelOfAnotherSite'));
  const elsewhere = { action: 'promote', site: 'elsewhere', model: 'foreign', version: 1 } as const;
  await assert.rejects(change({ ...elsewhere, alias: 'champion', by: 'x' }), type('ModelOfAnotherSite'));
  assert.equal(await writes(/./), count);
});

test('an alias that goes to another repository leaves the one where it was', async () => {
  await model('moved', [1]);
  await cloud.putVersion('moved', 2, { tags: { 'image.repository': 'team/moved' } });
  const second = await cloud.putImage('team/moved', 'v2');
  await promote('moved', 1);
  await follow('moved');
  assert.equal(await tagged('moved', 'champion', 'team/moved'), undefined);
  await promote('moved', 2);
  assert.equal(await tagged('moved', 'champion', 'team/moved'), second);
  assert.equal(await tagged('moved', 'champion'), undefined);
  assert.ok(await tagged('moved', 'v1'), 'the image itself stays');
});

test('in a repository that models share, a name that is another model’s stays', async () => {
  const shared = { 'image.repository': 'team/shared' };
  await cloud.putVersion('one', 1, { tags: shared });
  await cloud.putVersion('two', 7, { tags: shared });
  await cloud.putImage('team/shared', 'v1');
  const other = await cloud.putImage('team/shared', 'v7');
  await promote('one', 1);
  await promote('two', 7);
  await follow('two');
  await cloud.putVersion('one', 2);
  await cloud.putImage('edge-train/one', 'v2');
  await promote('one', 2);
  await follow('one');
  for (const tag of ['champion', 'latest']) assert.equal(await tagged('one', tag, 'team/shared'), other, tag);
});

test('latest is the newest version that is not archived, as soon as it has its image', async () => {
  const images = await model('newest', [1, 2]);
  assert.equal((await follow('newest')).version, 2);
  assert.equal(await tagged('newest', 'latest'), images[2]);
  await cloud.putVersion('newest', 3);
  assert.equal((await follow('newest')).version, undefined);
  assert.equal(await tagged('newest', 'latest'), images[2], 'it goes on naming what there is');
  const third = await cloud.putImage('edge-train/newest', 'v3');
  assert.equal((await follow('newest')).version, 3);
  assert.equal(await tagged('newest', 'latest'), third);
  assert.deepEqual(await aliases('newest'), [], 'nobody moved it');
});

test('who moved latest is told with the model: the run that made the image, or whoever archived the version', async () => {
  await model('told', [1]);
  await follow('told');
  const asked = () => new Date(Date.UTC(2026, 0, 2, 3, minute)).toISOString();
  const first = { to: 1, by: 'w', at: asked() };
  assert.deepEqual(await latestMove('told'), first);
  await cloud.putVersion('told', 2);
  const count = await writes(/told/);
  await follow('told');
  assert.deepEqual(
    [await latestMove('told'), await writes(/told/)],
    [first, count],
    'there is no image yet, so it stays',
  );
  await cloud.putImage('edge-train/told', 'v2');
  await follow('told');
  assert.deepEqual(await latestMove('told'), { to: 2, from: 1, by: 'w', at: asked() });
  await change({ action: 'archive', site: 'demo', model: 'told', version: 2, by: 'ada@ward' });
  const back = { to: 1, from: 2, by: 'ada@ward', at: asked() };
  assert.deepEqual(await latestMove('told'), back);
  await follow('told');
  assert.deepEqual(await latestMove('told'), back, 'it stays where it is, and so does its record');
  const tags = (await container('told')).tags ?? {};
  assert.deepEqual([aliasesIn(tags), tags['site']], [[], 'demo']);
});

test('a deployment finds what an alias names at that time', async () => {
  const images = await model('deployed');
  await promote('deployed', 2);
  const find = (alias: string) =>
    cloud.activities.findServingImage({ site: 'demo', model: 'deployed', alias } as Parameters<
      LightCloud['activities']['findServingImage']
    >[0]);
  assert.deepEqual([(await find('champion')).version, (await find('champion')).image.digest], [2, images[2]]);
  assert.equal((await find('latest')).version, 3);
  await assert.rejects(find('challenger'), type('NoSuchAlias'));
  await promote('deployed', 1);
  assert.equal((await find('champion')).version, 1);
  // A run has registered the next version, and builds and signs its image: until then `latest` is what was.
  await cloud.putVersion('deployed', 4);
  assert.equal((await find('latest')).version, 3);
  const fourth = await cloud.putImage('edge-train/deployed', 'v4');
  const sign = async (tag: string) => {
    const session = new RegistrySession(cloud.registry);
    const stored = await sessionReader(session, 'edge-train/deployed').manifest(tag);
    assert.ok(stored);
    await attachAll(session, 'edge-train/deployed', stored, [bundleAttachment('{}', SIGNATURE_TYPE)]);
  };
  await sign('v3');
  assert.equal((await find('latest')).version, 3, 'the newest that is signed');
  await sign('v4');
  assert.deepEqual([(await find('latest')).version, (await find('latest')).image.digest], [4, fourth]);
});
