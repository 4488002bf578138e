import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalManifest } from '../../domain/data-reference.ts';
import { bitBudget } from '../../domain/bit-budget.ts';
import { chooseSize, type MachineSize } from '../../domain/machine-size.ts';
import {
  canonicalArtifacts,
  needsApproval,
  refusals,
  ReleasePolicy,
  Artifact,
  trackingPolicy,
} from '../../domain/release.ts';
import { preAuthenticationHead } from '../../domain/statement.ts';
import * as names from '../../domain/resource-names.ts';
import { verdictOf, type Verdict } from '../../domain/verdict.ts';

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

test('an online endpoint and its deployments keep Azure’s limits, whatever the model is called', () => {
  const online = /^[a-z][a-z0-9-]{1,30}[a-z0-9]$/;
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
      fc.integer({ min: 1, max: 999_999_999 }),
      (model, version) => {
        const endpoint = names.onlineEndpointName(sha256, '/subscriptions/S/W', model);
        assert.match(endpoint, online);
        assert.equal(endpoint, names.onlineEndpointName(sha256, '/SUBSCRIPTIONS/s/w', model), 'ids in any case');
        assert.match(names.onlineDeploymentName(version, names.jobId(sha256, model, '1')), online);
        const asset = names.environmentAsset(model, version, `sha256:${sha256(model)}`);
        assert.match(asset.version, /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,29}$/);
      },
    ),
  );
  const [a = '', b = ''] = ['1', '2'].map((end) => `${'a-model-of-a-long-name-'.repeat(2)}${end}`);
  assert.match(names.onlineEndpointName(sha256, 'w', a), online);
  assert.notEqual(names.onlineEndpointName(sha256, 'w', a), names.onlineEndpointName(sha256, 'w', b));
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

const artifact = (path: string, bytes = 1) => ({ path, bytes, sha256: sha256(path) });
const examined = (...verdicts: Verdict[]) => ({ artifacts: verdicts.map(({ path }) => artifact(path)), verdicts });
const yaml = verdictOf('MLmodel', 'yaml', []);
const pickled = verdictOf('of/patient-7.pkl', 'pickle', ['pickle']);
const example = verdictOf('input_example.json', 'json', ['example-rows']);
const approval = { approvers: { ana: '-----BEGIN PUBLIC KEY-----' } };

test('the release policy bounds size and count, and wants a verdict on each file', () => {
  const strict = ReleasePolicy.parse({ maxBytes: 10, maxFiles: 2 });
  assert.deepEqual(refusals(strict, examined(yaml, verdictOf('a.json', 'json', []))), []);
  assert.match(refusals(strict, { artifacts: [artifact('MLmodel', 11)], verdicts: [yaml] }).join(), /11 bytes/);
  assert.match(refusals(strict, examined(yaml, yaml, yaml)).join(), /3 files/);
  for (const verdicts of [[], [example], [yaml, yaml]])
    assert.match(refusals(strict, { artifacts: [artifact('MLmodel')], verdicts }).join(), /has a verdict/);
});

test('a pickle leaves where the site allows it, or when an approver signs; nowhere by default', () => {
  const decided = (policy: object, ...verdicts: Verdict[]) => {
    const parsed = ReleasePolicy.parse(policy);
    const given = examined(yaml, ...verdicts);
    return [refusals(parsed, given).length === 0, needsApproval(parsed, given)];
  };
  assert.deepEqual(decided({}, pickled), [false, false]);
  assert.deepEqual(decided({ pickle: 'allow' }, pickled), [true, false]);
  assert.deepEqual(decided({ approval }, pickled), [true, true]);
  assert.deepEqual(decided({ pickle: 'deny', approval }, pickled), [false, true]);
  const unsure = { ...approval, when: 'unsure' };
  assert.deepEqual(decided({ approval: unsure }, pickled), [true, true]);
  assert.deepEqual(decided({ pickle: 'allow', approval: unsure }, pickled), [true, false]);
  assert.deepEqual(decided({ pickle: 'allow', approval: unsure }), [true, false]);
  // What the gate is unsure of for another reason waits for a person, whatever is said of pickles.
  assert.deepEqual(decided({ pickle: 'allow' }, example), [false, false]);
  assert.deepEqual(decided({ pickle: 'allow', approval: unsure }, example), [true, true]);
});

test('a refusal tells how many files and why, what to do, and no name that a script chose', () => {
  const [told = ''] = refusals(ReleasePolicy.parse({}), examined(yaml, pickled));
  assert.match(told, /^1 of 2 files can run code .* names no approver .*release\.approval.*release\.pickle: allow/);
  assert.doesNotMatch(told, /patient/, 'what may not leave does not leave as a name either');
});

test('nobody can let out what the gate refuses, nor by a verdict that says otherwise', () => {
  const refused = verdictOf('a.json', 'json', ['not-whole']);
  assert.equal(refused.verdict, 'refuse');
  for (const verdict of [refused, { ...refused, verdict: 'pass' as const }])
    assert.match(
      refusals(ReleasePolicy.parse({ pickle: 'allow', approval }), examined(verdict)).join(),
      /not what a whole/,
    );
});

test('the bit budget counts each bit that a script could choose', () => {
  const metric = { name: 'loss', value: 0.1, step: 3, timestamp: 5 };
  assert.deepEqual(
    bitBudget(
      {
        artifacts: [artifact('MLmodel', 100)],
        verdicts: [verdictOf('MLmodel', 'yaml', [], { written: 'anew', before: 120 })],
      },
      { metrics: [metric], parameters: { C: '1.0' } },
      trackingPolicy(ReleasePolicy.parse({})),
    ),
    {
      files: 800 + 53, // how long the file was before it was written anew is told too
      fileNames: 56,
      metrics: 96 + 64,
      parameters: 64,
      all: 853 + 56 + 160 + 64,
    },
  );
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
