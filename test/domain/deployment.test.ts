import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeployModelInput, differenceOf } from '../../domain/deployment.ts';
import { Deployments } from '../../domain/deployments.ts';
import { parse } from '../../domain/validation.ts';

test('predictions are alike within rounding, whatever they are made of', () => {
  const alike: [unknown[], unknown][] = [
    [
      [1, 0, -3],
      [1.000001, 1e-9, -3],
    ],
    [
      ['M', true, null],
      ['M', true, null],
    ],
    [[[0.25, 0.75]], [[0.2500001, 0.75]]],
    [[{ label: 'M', score: 0.5 }], [{ score: 0.5, label: 'M' }]],
  ];
  for (const [expected, given] of alike) assert.equal(differenceOf(expected, given), undefined, JSON.stringify(given));
});

test('what differs is told without a value of it', () => {
  const different: [unknown[], unknown, RegExp][] = [
    [[1, 2], [1.001, 2], /^1 of 2 /],
    [['M', 'B'], ['M'], /1 predictions came, and 2/],
    [['secret'], { predictions: ['secret'] }, /no list/],
    [[1], ['1'], /^1 of 1 /],
    [[1], [Number.NaN], /^1 of 1 /],
    [[[1, 2]], [[1]], /^1 of 1 /],
    [[{ a: 1 }], [{ a: 1, b: 2 }], /^1 of 1 /],
    [[{ a: 1 }], [[1]], /^1 of 1 /],
    [[null], [0], /^1 of 1 /],
  ];
  for (const [expected, given, told] of different) {
    assert.match(differenceOf(expected, given) ?? '', told);
    assert.doesNotMatch(differenceOf(expected, given) ?? '', /secret/);
  }
});

const issuesOf = (input: object) => {
  const parsed = parse(DeployModelInput, input);
  return parsed.ok ? [] : parsed.issues.map(({ path }) => path);
};

test('a rollback or an undeployment names neither version nor VM', () => {
  assert.deepEqual(issuesOf({ site: 'demo', model: 'heart', version: 3, virtualMachine: 'edge' }), []);
  for (const action of ['rollback', 'undeploy']) {
    assert.deepEqual(issuesOf({ site: 'demo', model: 'heart', action }), []);
    assert.deepEqual(issuesOf({ site: 'demo', model: 'heart', action, version: 3, virtualMachine: 'edge' }), [
      'version',
      'virtualMachine',
    ]);
  }
  for (const version of [0, -1, 1.5, '1'])
    assert.deepEqual(issuesOf({ site: 'demo', model: 'heart', version }), ['version']);
});

test('models are asked on loopback, or elsewhere by whoever has a key and an address that may', () => {
  const refusal = (value: object) => {
    const parsed = parse(Deployments, { imageKeys: ['-----BEGIN PUBLIC KEY-----\n'], ...value });
    return parsed.ok ? undefined : parsed.issues[0];
  };
  assert.equal(refusal({}), undefined);
  for (const imageKeys of [undefined, [], ['a key']])
    assert.match(refusal({ imageKeys })?.path ?? '', /^imageKeys/, 'whose images may serve must be said');
  const [keys, clients] = [{ 'ward-7': 'a'.repeat(64) }, ['10.20.0.0/16']];
  assert.equal(refusal({ listen: '0.0.0.0', keys, clients }), undefined);
  assert.equal(refusal({ listen: '10.20.0.4', keys, clients }), undefined);
  for (const [path, value] of [
    ['keys', { clients }],
    ['keys', { keys: {}, clients }],
    ['clients', { keys }],
    ['clients[0]', { keys, clients: ['everybody'] }],
    ['clients[0]', { keys, clients: ['10.20.0.0'] }],
    ['keys.ward-7', { keys: { 'ward-7': 'the key itself' }, clients }],
    ['keys["Ward 7"]', { keys: { 'Ward 7': 'a'.repeat(64) }, clients }],
    ['listen', { keys, clients, listen: 'localhost' }],
    ['listen', { keys, clients, listen: '::' }],
  ] as const)
    assert.equal(refusal({ listen: '0.0.0.0', ...value })?.path, path);
  assert.equal(refusal({ ports: { from: 9000, to: 8000 } })?.path, 'ports');
  assert.equal(refusal({ ports: { from: 80, to: 90 } })?.path, 'ports.from');
});
