import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cleanRepositories } from '../../activities/cloud/clean-repositories.ts';
import type { CleanedRepository } from '../../domain/registry-cleaning.ts';
import { attachAll } from '../../services/container-registry/attach.ts';
import { sessionReader } from '../../services/container-registry/content.ts';
import { removeManifest, readRepository } from '../../services/container-registry/inventory.ts';
import { findManifest } from '../../services/container-registry/manifests.ts';
import { RegistrySession } from '../../services/container-registry/session.ts';
import { moveTag, removeTag } from '../../services/container-registry/tags.ts';
import { ServiceError } from '../../services/errors.ts';
import { startLightCloud, type LightCloud } from './light-cloud.ts';

let cloud: LightCloud;
before(async () => (cloud = await startLightCloud()));
after(() => cloud?.[Symbol.asyncDispose]());

const LATER = new Date(Date.now() + 80 * 3_600_000);
interface Asked {
  readonly dryRun?: boolean;
  readonly keep?: string[];
  readonly now?: Date;
}
async function clean(
  model: string,
  { dryRun = false, keep = [], now = LATER }: Asked = {},
): Promise<CleanedRepository[]> {
  const asked = { action: 'clean', site: 'demo', model, dryRun, olderThanHours: 72, keep } as const;
  return (await cleanRepositories(await cloud.open(), asked, now)).cleaned ?? [];
}
const removed = (cleaned: CleanedRepository[]) => cleaned.flatMap((each) => each.removed.map(({ digest }) => digest));
const there = async (repository: string, digest: string) =>
  (await findManifest(cloud.registry, repository, digest)) !== undefined;
const writes = async () =>
  (await cloud.fixture.admin<{ method: string; front: string }[]>('GET', '/requests')).filter(
    ({ method, front }) => front === 'registry' && ['PUT', 'DELETE', 'PATCH'].includes(method),
  ).length;

async function attach(repository: string, digest: string, text: string): Promise<string> {
  const session = new RegistrySession(cloud.registry);
  const subject = await sessionReader(session, repository).manifest(digest);
  assert.ok(subject);
  const layer = { mediaType: 'application/json', content: Buffer.from(text) };
  const [made = ''] = await attachAll(session, repository, subject, [{ artifactType: 'application/vnd.test', layer }]);
  return made;
}

/** v1 and v2 are registered, v3 is not; what was untagged once was v4's. Each has something attached. */
async function repositoryOf(model: string) {
  const repository = `edge-train/${model}`;
  for (const version of [1, 2]) await cloud.putVersion(model, version, { isArchived: version === 2 });
  const digests: Record<string, string> = {};
  for (const tag of ['v1', 'v2', 'v3', 'v4']) {
    digests[tag] = await cloud.putImage(repository, tag);
    digests[`on ${tag}`] = await attach(repository, digests[tag] ?? '', `on ${tag}`);
  }
  await removeTag(cloud.registry, repository, { tag: 'v4', names: ['v4'] });
  return { repository, digests };
}

test('what no version, alias or deployment needs is told with its bytes, and goes, with what is attached to it', async () => {
  const { repository, digests } = await repositoryOf('full');
  const before = await writes();
  const told = await clean('full', { dryRun: true });
  assert.equal(await writes(), before, 'a dry run writes nothing');
  const dead = ['v3', 'v4', 'on v3', 'on v4'].map((name) => digests[name]);
  assert.deepEqual(new Set(removed(told)), new Set(dead));
  assert.deepEqual(told[0]?.removed.map(({ tags, why }) => [tags, why]).sort(), [
    [[], 'attached'],
    [[], 'attached'],
    [[], 'untagged'],
    [['v3'], 'no-version'],
  ]);
  const sizes = (
    await readRepository(
      cloud.registry,
      repository,
      () => true,
      () => {},
    )
  )
    .filter(({ digest }) => dead.includes(digest))
    .flatMap(({ blobs }) => blobs.filter(({ size }) => size !== 2)); // all that is attached has the same empty config
  assert.equal(
    told[0]?.bytes,
    sizes.reduce((sum, { size }) => sum + size, 0),
  );

  assert.deepEqual(await clean('full'), told);
  for (const name of ['v3', 'v4', 'on v3', 'on v4']) assert.ok(!(await there(repository, digests[name]!)), name);
  for (const name of ['v1', 'v2', 'on v1', 'on v2']) assert.ok(await there(repository, digests[name]!), name);
  assert.deepEqual(removed(await clean('full')), []);
});

test('what is younger stays, and what serves, and what an alias or anybody’s tag names', async () => {
  const { repository, digests } = await repositoryOf('kept');
  const [now] = await clean('kept', { now: new Date(Date.now() + 71 * 3_600_000) });
  assert.deepEqual([now?.removed, now?.tooYoung], [[], 4]);
  await moveTag(cloud.registry, repository, { tag: 'prod', to: 'v3' });
  assert.deepEqual(removed(await clean('kept', { keep: [digests['v4']!] })), []);
  for (const digest of Object.values(digests)) assert.ok(await there(repository, digest));
});

test('an image of another model, or of nobody, in the same repository stays', async () => {
  await cloud.putVersion('guest', 1, { tags: { 'image.repository': 'shared/host' } });
  const host = await cloud.putImage('shared/host', 'v7');
  assert.deepEqual(removed(await clean('guest')), []);
  assert.ok(await there('shared/host', host));
});

test('the repository of the base that images are built on is left alone', async () => {
  await cloud.putVersion('based', 1, { tags: { 'image.repository': 'edge-train/base' } });
  assert.deepEqual(
    (await clean('based')).map(({ repository }) => repository),
    ['edge-train/based'],
  );
});

test('an image that got a name since it was looked at is not removed', async () => {
  const { repository, digests } = await repositoryOf('raced');
  const images = await readRepository(
    cloud.registry,
    repository,
    () => true,
    () => {},
  );
  const seen = images.find(({ digest }) => digest === digests['v4']);
  assert.ok(seen);
  // The same content was pushed again, for another version.
  await cloud.putImage(repository, 'v5', `${repository}:v4`);
  assert.equal(await removeManifest(cloud.registry, repository, seen), false);
  assert.ok(await there(repository, digests['v4']!));
});

test('it goes on where it was broken off, and another site’s model is not touched', async () => {
  const { repository, digests } = await repositoryOf('cut');
  const fault = { route: 'DELETE /v2/**/manifests/*', moment: 'after', action: 'drop', front: 'registry' } as const;
  await cloud.fixture.fault(fault);
  await assert.rejects(clean('cut'), (error) => (error as ServiceError).retryable === true);
  await clean('cut');
  for (const name of ['v3', 'v4', 'on v3', 'on v4']) assert.ok(!(await there(repository, digests[name]!)), name);
  await cloud.putVersion('theirs', 1, { site: 'elsewhere' });
  await assert.rejects(clean('theirs'), (error) => (error as ServiceError).type === 'ModelOfAnotherSite');
});
