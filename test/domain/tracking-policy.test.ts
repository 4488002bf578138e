import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bitBudget, metricNames } from '../../domain/bit-budget.ts';
import { isNamed, releaseTracked, TrackingPolicy, withLearned, type Tracked } from '../../domain/tracking-policy.ts';

const END = 1_700_000_000_000;
const metric = (name: string, value: number | null, step = 0) => ({ name, value, step, timestamp: 5 });
const release = (logged: Partial<Tracked>, ...policies: object[]) =>
  releaseTracked(
    { metrics: [], parameters: {}, ...logged },
    policies.map((policy) => TrackingPolicy.parse(policy)),
    END,
  );

test('without a word of the site, six digits of a metric leave, at the time that the VM says', () => {
  const { metrics } = release(
    { metrics: [metric('auc', 0.987654321012, 3), metric('n', 123456789), metric('x', null)] },
    {},
  );
  assert.deepEqual(metrics, [
    { name: 'auc', value: 0.987654, step: 3, timestamp: END },
    { name: 'n', value: 123457000, step: 0, timestamp: END },
    { name: 'x', value: null, step: 0, timestamp: END },
  ]);
});

test('a record number behind the digits, in the time or in a name that nobody declared, stays on site', () => {
  const names = ['val_*', 'auc'];
  const leaks = { metrics: [{ ...metric('auc', 0.5000000842517), timestamp: 842517 }, metric('patient 842517', 1)] };
  const { metrics, withheld } = release(leaks, { metrics: { names } });
  assert.deepEqual(metrics, [{ name: 'auc', value: 0.5, step: 0, timestamp: END }]);
  assert.equal(withheld, 1);
});

test('what six digits and a step hold is not seen', () => {
  const { metrics } = release({ metrics: [metric('auc', 842517, 842517)] }, { metrics: { names: ['auc'] } });
  assert.equal(metrics[0]?.value, 842517);
  assert.equal(metrics[0].step, 842517);
});

test('of a flood the first stay, long words are cut, and how many were withheld is told', () => {
  const many = Array.from({ length: 150 }, (_, index) => metric(`m${index}`, index));
  const parameters = Object.fromEntries(many.map(({ name }) => [name, 'x'.repeat(400)]));
  const told = release({ metrics: many, parameters }, {});
  assert.equal(told.metrics.length, 100);
  assert.equal(Object.keys(told.parameters).length, 100);
  assert.equal(told.parameters['m0']?.length, 250);
  assert.equal(told.withheld, 100);
  const none = release({ metrics: many, parameters }, { metrics: { max: 0 }, parameters: { max: 0 } });
  assert.deepEqual(none, { metrics: [], parameters: {}, withheld: 300 });
});

test('names are whole, or beginnings that end in a star', () => {
  const policy = { parameters: { names: ['C', 'model__*'] } };
  const { parameters } = release({ parameters: { C: '1', CC: '2', model__n: '3', models: '4' } }, policy);
  assert.deepEqual(parameters, { C: '1', model__n: '3' });
  for (const bad of ['', '*', 'a*b', 'é', 'x'.repeat(251)])
    assert.equal(TrackingPolicy.safeParse({ metrics: { names: [bad] } }).success, false, JSON.stringify(bad));
});

test('of two policies the tighter holds, whichever it is', () => {
  const loose = { metrics: { digits: 17, max: 1000 } };
  const tight = { metrics: { digits: 2, names: ['a'] } };
  const logged = { metrics: [metric('a', 0.123456), metric('b', 1)] };
  for (const both of [
    [loose, tight],
    [tight, loose],
  ])
    assert.deepEqual(release(logged, ...both), {
      metrics: [{ name: 'a', value: 0.12, step: 0, timestamp: END }],
      parameters: {},
      withheld: 1,
    });
});

test('each number that left while the script trained is in the budget, and each name', () => {
  const last = { metrics: [metric('loss', 1)], parameters: {} };
  const bits = (published?: { points: number; names: string[] }) =>
    bitBudget(
      { artifacts: [], verdicts: [] },
      { ...last, ...(published ? { published } : {}) },
      TrackingPolicy.parse({}),
    ).metrics;
  const number = 12 + 20 + 64;
  assert.equal(bits(), number + 4 * 16);
  assert.equal(bits({ points: 300, names: ['loss'] }), 301 * number + 4 * 16);
  assert.equal(bits({ points: 300, names: ['loss', 'acc'] }), 301 * (number + 1) + 7 * 16);
  assert.deepEqual(metricNames({ ...last, published: { points: 1, names: ['acc'] } }), ['acc', 'loss']);
});

test('fewer digits are fewer bits in the budget', () => {
  const bits = (digits: number) =>
    bitBudget(
      { artifacts: [], verdicts: [] },
      { metrics: [metric('a', 1)], parameters: {} },
      TrackingPolicy.parse({ metrics: { digits } }),
    ).metrics;
  assert.deepEqual([1, 6, 17].map(bits), [12 + 4 + 64 + 16, 12 + 20 + 64 + 16, 64 + 64 + 16]);
});

test('learned names are those of the recipe, each as it is; until there are some, any leaves', () => {
  const learning = TrackingPolicy.parse({ metrics: { names: 'learned', digits: 3 } });
  const logged = { metrics: [metric('loss', 0.5), metric('patient 842517', 1), metric('losses', 2)], parameters: {} };
  const leave = (learned: string[] | undefined) =>
    releaseTracked(logged, [withLearned(learning, learned)], END).metrics.map(({ name }) => name);
  assert.deepEqual(leave(['loss', 'acc']), ['loss']);
  assert.deepEqual(leave(['loss*', '*']), []);
  assert.deepEqual(leave([]), []);
  assert.equal(leave(undefined).length, 3);
  assert.equal(withLearned(learning, ['loss']).metrics.digits, 3);
  const declared = TrackingPolicy.parse({ metrics: { names: ['auc'] } });
  assert.deepEqual(withLearned(declared, ['loss']), declared, 'the operator’s word stands');
  assert.ok(isNamed('learned', 'anything'));
  assert.ok(!TrackingPolicy.safeParse({ metrics: { names: 'all' } }).success);
});
