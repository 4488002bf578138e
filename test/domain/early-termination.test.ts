import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applies, EarlyTermination, reasonToStop, type TrialRecord } from '../../domain/early-termination.ts';
import {
  due,
  heard,
  NOTHING_WATCHED,
  watched,
  type MetricWatch,
  type WatchedMetric,
} from '../../domain/trial-intervals.ts';
import { parse } from '../../domain/validation.ts';

const policy = (given: object): EarlyTermination => EarlyTermination.parse(given);
const objective = (goal: 'maximize' | 'minimize') => ({ goal, primary_metric: 'accuracy' });

const watchOf = (given: object, goal: 'maximize' | 'minimize' = 'maximize', most = 1000): MetricWatch => ({
  ...{ sweep: { workflowId: 'w', runId: 'r' }, trial: 1, most },
  ...{ objective: objective(goal), policy: policy(given) },
});

/** What a policy hears of a trial that logs these values, one after the other. */
function watch(given: object, values: readonly number[], goal: 'maximize' | 'minimize' = 'maximize'): WatchedMetric {
  return values.reduce((state, value) => watched(state, watchOf(given, goal), value), NOTHING_WATCHED);
}

const record = (
  given: object,
  values: readonly number[],
  { goal = 'maximize', ended = false }: { goal?: 'maximize' | 'minimize'; ended?: boolean } = {},
): TrialRecord => ({ intervals: due(watch(given, values, goal), watchOf(given), ended), ended });

/** At the last of its values. */
function stopped(given: object, own: number[], others: TrialRecord[], goal: 'maximize' | 'minimize' = 'maximize') {
  const last = due(watch(given, own, goal), watchOf(given), true).at(-1);
  assert.equal(last?.logged, own.length);
  return reasonToStop(policy(given), objective(goal), last, others);
}

test('a policy is applied at every multiple of its interval from its delay on', () => {
  const at = (given: object) =>
    Array.from({ length: 12 }, (_, i) => i + 1).filter((logged) => applies(policy(given), logged));
  const median = { type: 'median_stopping' };
  assert.deepEqual(at(median).length, 12);
  assert.deepEqual(at({ ...median, evaluation_interval: 0 }).length, 12, 'what Azure’s SDK writes for 1');
  assert.deepEqual(at({ ...median, evaluation_interval: 4 }), [4, 8, 12]);
  assert.deepEqual(at({ ...median, evaluation_interval: 2, delay_evaluation: 7 }), [8, 10, 12]);
  assert.deepEqual(at({ ...median, delay_evaluation: 10 }), [10, 11, 12]);
});

const TEN = Array<number>(9).fill(0.1);
/** Azure's own example: the best has 0.8 at interval 10, and with a factor of 0.2 less than 0.66 is stopped. */
for (const [given, own, best, goal, isStopped] of [
  [{ slack_factor: 0.2 }, 0.66, 0.8, 'maximize', true],
  [{ slack_factor: 0.2 }, 0.67, 0.8, 'maximize', false],
  [{ slack_amount: 0.2 }, 0.59, 0.8, 'maximize', true],
  [{ slack_amount: 0.2, slack_factor: 0 }, 0.61, 0.8, 'maximize', false],
  [{ slack_factor: 0.2 }, 0.049, 0.04, 'minimize', true],
  [{ slack_factor: 0.2 }, 0.047, 0.04, 'minimize', false],
  [{ slack_amount: 0.02 }, 0.061, 0.04, 'minimize', true],
  [{ slack_amount: 0.02 }, 0.059, 0.04, 'minimize', false],
  [{ slack_factor: 1 }, -3, -1, 'maximize', true],
  [{ slack_factor: 1 }, -1.9, -1, 'maximize', false],
] as const)
  test(`bandit ${JSON.stringify(given)}: ${own} beside ${best}, ${goal}: ${isStopped ? 'stopped' : 'goes on'}`, () => {
    const bandit = { type: 'bandit', ...given };
    const before = goal === 'maximize' ? Array<number>(9).fill(-9) : TEN;
    const other = record(bandit, [...before, best, goal === 'maximize' ? 99 : -99], { goal });
    const reason = stopped(bandit, [...before, own], [other], goal);
    assert.equal(reason !== undefined, isStopped, 'what the other logged later does not count');
    if (isStopped) assert.match(reason ?? '', /^accuracy .* at interval 10: the best is .*\(bandit\)$/);
  });

test('its best counts and not its last; a younger trial’s best is a bandit’s best already', () => {
  const bandit = { type: 'bandit', slack_amount: 0.1 };
  assert.equal(stopped(bandit, [0.8, 0.1], [record(bandit, [0.85, 0.85])]), undefined);
  assert.ok(stopped(bandit, [0.1, 0.1], [record(bandit, [0.85])]));
});

test('median stopping: the best of a trial against the median of the averages until then, its own among them', () => {
  const median = { type: 'median_stopping' };
  const others = [record(median, [0.2, 0.4, 9]), record(median, [0.5, 0.7, 9])]; // 0.3 and 0.6 at interval 2
  assert.equal(stopped(median, [0.1, 0.31], others), undefined); // averages 0.205, 0.3, 0.6
  assert.match(stopped(median, [0.1, 0.29], others) ?? '', /the median of the averages is 0\.3.*\(median_stopping\)$/);
  const young = record(median, [0.9]);
  assert.equal(stopped(median, [0.1, 0.31], [...others, young]), undefined, 'it is too young to count');
  assert.ok(stopped(median, [0.1, 0.31], [...others, { ...young, ended: true }]), 'it will grow no older');
  assert.equal(stopped(median, [0.1, 0.1], []), undefined);
});

test('truncation selection: who is among the lowest so many per cent of all that are as old', () => {
  const lowest = { type: 'truncation_selection', truncation_percentage: 20 };
  const others = [0.5, 0.6, 0.7, 0.8].map((value) => record(lowest, [value, value]));
  assert.match(stopped(lowest, [0.1, 0.49], others) ?? '', /among the last 20 % of 5 \(truncation_selection\)$/);
  assert.equal(stopped(lowest, [0.1, 0.5], others), undefined, 'of equals none is the lowest');
  assert.equal(stopped(lowest, [0.1, 0.49], others.slice(1)), undefined, 'a fifth of four is nobody');
  const gone = others.map((each, i) => ({ ...each, ended: i === 0 }));
  assert.equal(stopped({ ...lowest, exclude_finished_jobs: true }, [0.1, 0.49], gone), undefined);
  assert.ok(stopped(lowest, [0.1, 0.49], gone));
  assert.ok(
    stopped(
      lowest,
      [0.9, 0.9],
      others.map(({ ended }) => ({ ended, intervals: [] })),
    ) === undefined,
  );
});

const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 6 });
const policies = fc.oneof(
  fc.record({ type: fc.constant('bandit'), slack_amount: fc.double({ min: 0.001, max: 10, noNaN: true }) }),
  fc.record({ type: fc.constant('bandit'), slack_factor: fc.double({ min: 0.001, max: 10, noNaN: true }) }),
  fc.constant({ type: 'median_stopping' }),
  fc.record({ type: fc.constant('truncation_selection'), truncation_percentage: fc.integer({ min: 1, max: 99 }) }),
);

test('to minimize is to maximize the opposite', () => {
  fc.assert(
    fc.property(policies, values, fc.array(fc.tuple(values, fc.boolean()), { maxLength: 6 }), (given, own, others) => {
      const negative = (of: readonly number[]) => of.map((value) => -value);
      const up = stopped(
        given,
        own,
        others.map(([each, ended]) => record(given, each, { ended })),
      );
      const records = others.map(([each, ended]) => record(given, negative(each), { goal: 'minimize', ended }));
      const down = stopped(given, negative(own), records, 'minimize');
      assert.equal(up === undefined, down === undefined);
    }),
  );
});

test('the best of all is never stopped, by no policy', () => {
  fc.assert(
    fc.property(policies, values, fc.array(fc.tuple(values, fc.boolean()), { maxLength: 6 }), (given, own, others) => {
      const best = Math.max(...own, ...others.flatMap(([each]) => each)) + 1;
      const records = others.map(([each, ended]) => record(given, each, { ended }));
      assert.equal(stopped(given, [...own.slice(1), best], records), undefined);
    }),
  );
});

test('a trial is told of where its policy looks, and rarely where it logs without end', () => {
  const fifth = { type: 'bandit', slack_amount: 1, evaluation_interval: 5 };
  const state = watch(fifth, [1, 2, 3, 4, 5, 6, 3, 2, 1, 0, 7, 7]);
  assert.deepEqual(state.waiting, [
    { logged: 5, best: 5, mean: 3 },
    { logged: 10, best: 6, mean: 2.7 },
  ]);
  assert.deepEqual(
    due(state, watchOf(fifth), true).at(-1),
    { logged: 12, best: 7, mean: 41 / 12 },
    'how it ended is told',
  );
  assert.deepEqual(due(watch(fifth, [1, 2]), watchOf(fifth), false), []);
  assert.deepEqual(due(NOTHING_WATCHED, watchOf(fifth), true), []);
  assert.deepEqual(due(heard(watch(fifth, [1, 2, 3, 4, 5])), watchOf(fifth), true), [], 'nothing is told twice');
  const later = [1, 2, 3].reduce(
    (sum, value) => watched(sum, watchOf(fifth), value),
    heard(watch(fifth, [1, 2, 3, 4, 5, 6, 7])),
  );
  assert.equal(due(later, watchOf(fifth), false).at(-1)?.logged, 10, 'at once, whenever it was told before');

  const each = { type: 'median_stopping' };
  const rarely = watchOf(each, 'maximize', 32);
  let flood = NOTHING_WATCHED;
  for (let value = 0; value < 100_000; value++) {
    flood = watched(flood, rarely, value);
    const intervals = due(flood, rarely, false);
    assert.ok(intervals.length <= 64);
    if (intervals.length === 0) continue;
    assert.equal(intervals.at(-1)?.logged, value + 1);
    flood = heard(flood);
  }
  assert.ok(flood.told > 16 && flood.told <= 34, String(flood.told));
  assert.ok(flood.toldAt > 30_000, 'to the last it is told now and then');
});

for (const [given, path, rule] of [
  [{ type: 'bandit' }, 'slack_factor', /slack_amount is required/],
  [{ type: 'bandit', slack_factor: 0 }, 'slack_factor', /slack_amount is required/],
  [{ type: 'bandit', slack_factor: 0.1, slack_amount: 0.1 }, 'slack_factor', /say one of them/],
  [{ type: 'bandit', slack_amount: -1 }, 'slack_amount', />=0/],
  [{ type: 'bandit', slack_amount: 1, truncation_percentage: 3 }, 'truncation_percentage', /unknown key/],
  [{ type: 'truncation_selection' }, 'truncation_percentage', /is required/],
  [{ type: 'truncation_selection', truncation_percentage: 100 }, 'truncation_percentage', /99/],
  [{ type: 'median_stopping', evaluation_interval: -1 }, 'evaluation_interval', />=0/],
  [{ type: 'median_stopping', delay_evaluation: 1.5 }, 'delay_evaluation', /./],
  [{ type: 'median' }, 'type', /one of "?bandit/],
  [{ type: 'none' }, 'type', /leave early_termination out/],
] as const)
  test(`refused: ${JSON.stringify(given)}`, () => {
    const parsed = parse(EarlyTermination, given);
    assert.ok(!parsed.ok);
    assert.deepEqual([parsed.issues.length, parsed.issues[0]?.path], [1, path]);
    assert.match(parsed.issues[0]?.rule ?? '', rule);
  });
