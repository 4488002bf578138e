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

test('models are asked on loopback and nowhere else, and the reason is told', () => {
  const refusal = (value: object) => {
    const parsed = parse(Deployments, { imageKeys: ['-----BEGIN PUBLIC KEY-----\n'], ...value });
    return parsed.ok ? undefined : parsed.issues[0];
  };
  assert.equal(refusal({}), undefined);
  for (const imageKeys of [undefined, [], ['a key']])
    assert.match(refusal({ imageKeys })?.path ?? '', /^imageKeys/, 'whose images may serve must be said');
  assert.match(refusal({ listen: '0.0.0.0' })?.rule ?? '', /no TLS and no key/);
  assert.equal(refusal({ ports: { from: 9000, to: 8000 } })?.path, 'ports');
  assert.equal(refusal({ ports: { from: 80, to: 90 } })?.path, 'ports.from');
});
