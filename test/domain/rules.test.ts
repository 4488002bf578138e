import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalManifest } from '../../domain/data-reference.ts';
import { chooseSize, type MachineSize } from '../../domain/machine-size.ts';
import { canonicalArtifacts, refusals, ReleasePolicy, Artifact } from '../../domain/release.ts';
import { preAuthenticationHead } from '../../domain/statement.ts';
import * as names from '../../domain/resource-names.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const ds = (name: string, cores: number, memoryMiB: number): MachineSize => ({ name, cores, memoryMiB });
const offered = [
  ds('Standard_DS3_v2', 4, 14336),
  ds('Standard_DS1_v2', 1, 3584),
  ds('Standard_DS2_v2', 2, 7168),
  ds('Standard_NC4as_T4_v3', 4, 28672),
];

test('the smallest size that will do is chosen', () => {
  const chosen = chooseSize(offered, { dataBytes: 1000, sharedMemoryMiB: 0 });
  assert.deepEqual(chosen, { ok: true, size: offered[1], larger: 'Standard_DS2_v2' });
  const larger = chooseSize(offered, { dataBytes: 2 ** 30, sharedMemoryMiB: 0 });
  assert.deepEqual(larger, { ok: true, size: offered[2], larger: 'Standard_DS3_v2' });
  const largest = chooseSize(offered, { requested: 'standard_ds3_v2', dataBytes: 1000, sharedMemoryMiB: 0 });
  assert.deepEqual(largest, { ok: true, size: offered[0] }, 'a size with a GPU is no larger one');
});

test('a size that is absent, too small or has a GPU is refused, and those that would do are named', () => {
  const need = { dataBytes: 2 ** 30, sharedMemoryMiB: 0 };
  for (const [requested, reason] of [
    ['Standard_D64', /does not offer Standard_D64/],
    ['Standard_DS1_v2', /has 3584 MiB and the job needs/],
    ['Standard_NC4as_T4_v3', /has a GPU/],
  ] as const) {
    const choice = chooseSize(offered, { ...need, requested });
    assert.ok(!choice.ok);
    assert.match(choice.rule, reason);
    assert.match(choice.rule, /these would do: Standard_DS2_v2, Standard_DS3_v2$/);
  }
});

test('data too large for every size is refused', () => {
  const choice = chooseSize(offered, { dataBytes: 2 ** 40, sharedMemoryMiB: 0 });
  assert.ok(!choice.ok && /no size of this site would do/.test(choice.rule));
});

test('a job’s name depends on both ids and on nothing else', () => {
  assert.equal(names.jobId(sha256, 'a', 'b'), names.jobId(sha256, 'a', 'b'));
  assert.notEqual(names.jobId(sha256, 'a', 'b'), names.jobId(sha256, 'ab', ''));
  assert.ok(names.JobId.safeParse(names.jobId(sha256, 'w', 'r')).success);
});

test('derived names keep Azure’s limits', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z][a-z0-9-]{0,22}[a-z0-9]$/),
      fc.stringMatching(/^Standard_[A-Z]{1,2}\d{1,3}[a-z]{0,4}_v\d$/),
      (site, size) => {
        const machine = names.virtualMachineName(site, size);
        assert.ok(names.VirtualMachineName.safeParse(machine).success, machine);
        assert.match(names.computeTargetName(sha256, machine), /^[a-z][a-z0-9-]{0,14}[a-z0-9]$/);
      },
    ),
  );
});

test('two VMs with a long common beginning get two compute targets', () => {
  const [a, b] = ['hospital-north-ds2-v2', 'hospital-north-ds3-v2'].map((m) => names.computeTargetName(sha256, m));
  assert.notEqual(a, b);
});

test('canonical texts do not depend on order, and a newline in a name cannot forge a line', () => {
  const file = (path: string) => ({ input: 'data', path, bytes: 1, sha256: sha256(path) });
  const files = ['b', 'a', 'c/d'].map(file);
  assert.equal(canonicalManifest(files), canonicalManifest(files.toReversed()));
  assert.equal(canonicalManifest([file('a\nb')]).split('\n').length, 2);
  const artifacts = [
    { path: 'b', bytes: 1, sha256: sha256('b') },
    { path: 'a', bytes: 2, sha256: sha256('a') },
  ];
  assert.equal(canonicalArtifacts(artifacts), canonicalArtifacts(artifacts.toReversed()));
});

test('the release policy denies pickles unless the site allows them, and bounds size and count', () => {
  const artifact = (path: string, bytes = 1) => ({ path, bytes, sha256: sha256(path) });
  const strict = ReleasePolicy.parse({ maxBytes: 10, maxFiles: 2 });
  assert.deepEqual(refusals(strict, [artifact('MLmodel'), artifact('a.json')]), []);
  const denied = refusals(strict, [artifact('MLmodel'), artifact('of/patient-7.PKL')]).join();
  assert.match(denied, /1 of 2 files are pickles \(\.pkl\)/);
  assert.doesNotMatch(denied, /patient/, 'what may not leave does not leave as a name either');
  assert.match(refusals(strict, [artifact('a', 11)]).join(), /11 bytes/);
  assert.match(refusals(strict, [artifact('a'), artifact('b'), artifact('c')]).join(), /3 files/);
  assert.deepEqual(refusals(ReleasePolicy.parse({ pickle: 'allow' }), [artifact('model.pkl')]), []);
});

test('artifact paths cannot climb or hide', () => {
  for (const bad of ['../x', 'a/../b', '/x', 'a//b', '.', 'a/.', 'x\n', 'a\u202eb', ' a', 'a\\b', '']) {
    assert.equal(Artifact.shape.path.safeParse(bad).success, false, JSON.stringify(bad));
  }
  assert.ok(Artifact.shape.path.safeParse('model/data/model.pkl').success);
});

test('the DSSE head is as its protocol has it', () => {
  assert.equal(preAuthenticationHead(7), 'DSSEv1 28 application/vnd.in-toto+json 7 ');
});
