import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesOnlyIn, judge, removedOf, type StoredImage } from '../../domain/registry-cleaning.ts';

const digest = (name: string | number): string => `sha256:${Buffer.from(String(name)).toString('hex').padEnd(64, '0')}`;
const OLD = '2026-01-01T00:00:00.000Z';
const YOUNG = '2026-01-09T00:00:00.000Z';
const BEFORE = '2026-01-05T00:00:00.000Z';

function image(name: string, more: Partial<StoredImage> = {}): StoredImage {
  const blobs = [{ digest: digest(`blob of ${name}`), size: 100 }];
  return { digest: digest(name), tags: [], at: OLD, manifests: [], isOurs: true, blobs, ...more };
}
const attached = (name: string, to: string, more: Partial<StoredImage> = {}) =>
  image(name, { subject: digest(to), isOurs: false, ...more });
const known = (versions: string[] = [], keep: string[] = []) => ({
  ...{ versions: new Set(versions), keep: new Set(keep.map(digest)), before: BEFORE },
});
const dead = (images: StoredImage[], ...given: Parameters<typeof known>) =>
  judge(images, known(...given)).dead.map((each) => each.digest);

test('an image of ours goes where no tag names it, or only that of a version that is not registered', () => {
  const images = [image('none'), image('lost', { tags: ['v4'] }), image('kept', { tags: ['v3'] })];
  assert.deepEqual(dead(images, ['v3']), [digest('none'), digest('lost')]);
  assert.deepEqual(
    judge(images, known(['v3'])).dead.map((each) => removedOf(each).why),
    ['untagged', 'no-version'],
  );
});

test('any other tag keeps what it names: an alias, somebody’s own, or a version’s beside a lost one', () => {
  for (const tag of ['champion', 'latest', 'prod', 'v3-debug'])
    assert.deepEqual(dead([image('one', { tags: [tag] }), image('two', { tags: ['v9', tag] })]), [], tag);
  assert.deepEqual(dead([image('one', { tags: ['v9', 'v3'] })], ['v3']), []);
});

test('what serves, or a rollback goes back to, stays without any tag', () => {
  assert.deepEqual(dead([image('serves', { tags: ['v4'] }), attached('its SBOM', 'serves')], [], ['serves']), []);
});

test('what somebody else has made stays', () => {
  assert.deepEqual(dead([image('theirs', { isOurs: false }), image('tagged', { isOurs: false, tags: ['v7'] })]), []);
});

test('what is attached stays with its image and goes with it, however deep; that of an image which is no more goes', () => {
  const images = [
    ...[image('lives', { tags: ['v1'] }), attached('a', 'lives'), attached('signature of a', 'a')],
    ...[image('dies'), attached('b', 'dies'), attached('signature of b', 'b'), attached('orphan', 'never')],
    attached('tagged', 'never', { tags: ['evidence'] }),
  ];
  const found = judge(images, known(['v1'])).dead;
  assert.deepEqual(
    new Set(found.map((each) => each.digest)),
    new Set(['dies', 'b', 'signature of b', 'orphan'].map(digest)),
  );
  assert.equal(found[0]?.digest, digest('dies'), 'the image first: what is attached to it is asked for by nobody then');
  assert.equal(removedOf(found[1]!).why, 'attached');
});

test('what is attached and has a name of its own keeps what it is attached to', () => {
  const images = [image('old'), attached('audited', 'old', { tags: ['audit'] }), attached('other', 'old')];
  assert.deepEqual(dead(images), []);
});

test('the list under the tag sha256-HEX goes with the image that it is of', () => {
  const list = (of: string) =>
    attached(`list of ${of}`, of, { tags: [digest(of).replace(':', '-')], manifests: [digest(`s ${of}`)] });
  const images = [
    image('lives', { tags: ['v1'] }),
    list('lives'),
    attached('s lives', 'lives'),
    image('dies'),
    list('dies'),
  ];
  const found = dead([...images, attached('s dies', 'dies')], ['v1']);
  assert.deepEqual(new Set(found), new Set(['dies', 'list of dies', 's dies'].map(digest)));
});

test('the images of an index live with it', () => {
  const index = image('index', { tags: ['v1'], manifests: [digest('amd64')] });
  assert.deepEqual(dead([index, image('amd64'), image('arm64')], ['v1']), [digest('arm64')]);
});

test('what is young stays, and all that it is attached to or that is attached to it', () => {
  const images = [
    ...[image('pushed now', { at: YOUNG }), attached('older', 'pushed now')],
    ...[image('old'), attached('signed now', 'old', { at: YOUNG }), image('long ago')],
  ];
  assert.deepEqual(dead(images), [digest('long ago')]);
  assert.equal(judge(images, known()).tooYoung, 4);
  assert.deepEqual(dead([image('at the very moment', { at: BEFORE })]), []);
});

test('only bytes that no other manifest holds are counted, each once', () => {
  const shared = { digest: digest('base'), size: 1000 };
  const own = { digest: digest('layer'), size: 10 };
  const gone = [
    image('a', { blobs: [shared, own] }),
    image('b', { blobs: [own, { digest: digest('config'), size: 1 }] }),
  ];
  assert.equal(bytesOnlyIn(gone, [...gone, image('c', { blobs: [shared] })]), 11);
  assert.equal(bytesOnlyIn(gone, gone), 1011);
});

test('whatever a registry holds, nothing goes that a name, a deployment or a living image needs', () => {
  const names = fc.integer({ min: 0, max: 7 });
  const stored = fc.record({
    tags: fc.subarray(['v1', 'v2', 'v3', 'champion', 'x']),
    at: fc.constantFrom(OLD, YOUNG),
    manifests: fc.array(names, { maxLength: 2 }),
    subject: fc.option(names, { nil: undefined }),
    isOurs: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(stored, { maxLength: 8 }), fc.option(names, { nil: undefined }), (given, kept) => {
      const images = given.map(({ subject, manifests, ...rest }, i): StoredImage => ({
        ...{ ...rest, digest: digest(i), manifests: manifests.map(digest), blobs: [] },
        ...(subject === undefined ? {} : { subject: digest(subject) }),
      }));
      const gone = new Set(dead(images, ['v1'], kept === undefined ? [] : [String(kept)]));
      if (kept !== undefined) assert.ok(!gone.has(digest(kept)));
      for (const each of images) {
        if (each.tags.some((tag) => ['v1', 'champion', 'x'].includes(tag))) assert.ok(!gone.has(each.digest));
        if (each.at === YOUNG) assert.ok(!gone.has(each.digest));
        if (!each.isOurs && each.subject === undefined) assert.ok(!gone.has(each.digest));
        if (!gone.has(each.digest) && each.at === OLD && each.tags.includes('v1'))
          for (const needed of each.manifests) assert.ok(!gone.has(needed));
        const subject = images.find(({ digest }) => digest === each.subject);
        if (gone.has(each.digest) && subject) assert.ok(gone.has(subject.digest), 'attached to what stays');
      }
    }),
    { numRuns: 2000 },
  );
});
