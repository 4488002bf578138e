import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { inverseNormal } from '../../domain/inverse-normal.ts';
import { pythonNumber } from '../../domain/python-text.ts';
import { gridSize, samplePoints } from '../../domain/sampling.ts';
import type { SearchSpace } from '../../domain/search-space.ts';
import { sobol, SOBOL_DIMENSIONS } from '../../domain/sobol.ts';
import type { Sweep } from '../../domain/sweep.ts';

const sweep = (search_space: SearchSpace, sampling_algorithm: Sweep['sampling_algorithm'], trials: number): Sweep => ({
  search_space,
  sampling_algorithm,
  objective: { goal: 'maximize', primary_metric: 'accuracy' },
  limits: { max_total_trials: trials },
});
const SPACE: SearchSpace = {
  kernel: { type: 'choice', values: ['rbf', 'linear'] },
  C: { type: 'choice', values: [1, 1e-5, '1.0'] },
};

test('a grid is every combination, the last parameter fastest, cut where the trials end', () => {
  const points = samplePoints(sweep(SPACE, 'grid', 100), 1);
  assert.deepEqual(
    points.map(({ kernel, C }) => `${kernel} ${C}`),
    ['rbf 1', 'rbf 1e-05', 'rbf 1.0', 'linear 1', 'linear 1e-05', 'linear 1.0'],
  );
  assert.deepEqual(Object.keys(points[0] ?? {}), ['kernel', 'C'], 'shown as they stand in the file');
  assert.equal(gridSize(SPACE), 6);
  assert.deepEqual(samplePoints(sweep(SPACE, 'grid', 4), 1), points.slice(0, 4));
});

test('the same seed draws the same points, and another draws others; a stated seed comes first', () => {
  const space: SearchSpace = { rate: { type: 'uniform', min_value: 0, max_value: 1 } };
  for (const rule of ['random', 'sobol'] as const) {
    const draw = (given: number, seed?: number) =>
      samplePoints(sweep(space, { type: 'random', rule, ...(seed === undefined ? {} : { seed }) }, 5), given);
    assert.deepEqual(draw(7), draw(7));
    assert.notDeepEqual(draw(7), draw(8));
    assert.notDeepEqual(draw(7), draw(7 + 2 ** 40));
    assert.deepEqual(draw(1, 42), draw(2, 42));
    assert.equal(new Set(draw(7).map(({ rate }) => rate)).size, 5);
  }
});

test('no point is tried twice, and a finite space may be exhausted', () => {
  for (const rule of ['random', 'sobol'] as const) {
    const points = samplePoints(sweep(SPACE, { type: 'random', rule }, 50), 3);
    assert.equal(points.length, 6);
    assert.equal(new Set(points.map((point) => JSON.stringify(point))).size, 6);
  }
});

const drawn = (expression: SearchSpace[string], trials = 400): string[] =>
  samplePoints(sweep({ x: expression }, { type: 'random', seed: 1 }, trials), 0).map(({ x = '' }) => x);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test('each distribution has its range and its middle, and is written as Python would', () => {
  const within = (values: readonly string[], from: number, to: number, middle: number, by: number) => {
    const numbers = values.map(Number);
    assert.ok(
      numbers.every((value) => value >= from && value <= to),
      `${Math.min(...numbers)}, ${Math.max(...numbers)}`,
    );
    assert.ok(Math.abs(mean(numbers) - middle) < by, String(mean(numbers)));
    return values;
  };
  const logs = (values: readonly string[]) => values.map((value) => String(Math.log(Number(value))));
  within(drawn({ type: 'uniform', min_value: -2, max_value: 4 }), -2, 4, 1, 0.3);
  within(logs(drawn({ type: 'loguniform', min_value: -9, max_value: -1 })), -9, -1, -5, 0.4);
  within(drawn({ type: 'normal', mu: 10, sigma: 2 }), 0, 20, 10, 0.3);
  within(logs(drawn({ type: 'lognormal', mu: 1, sigma: 0.5 })), -2, 4, 1, 0.1);
  const few = within(drawn({ type: 'quniform', min_value: 0, max_value: 100, q: 10 }, 11), 0, 100, 50, 1);
  assert.deepEqual(
    few.map(Number).sort((a, b) => a - b),
    [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
  );
  assert.ok(few.includes('0') && !few.includes('-0'));
  for (const value of drawn({ type: 'quniform', min_value: 0, max_value: 1, q: 0.25 }, 5))
    assert.match(value, /^(0\.0|0\.25|0\.5|0\.75|1\.0)$/);
  for (const value of drawn({ type: 'qloguniform', min_value: 0, max_value: 5, q: 2 }))
    assert.ok(Number(value) % 2 === 0);
  for (const value of drawn({ type: 'qnormal', mu: 0, sigma: 3, q: 1 })) assert.match(value, /^-?\d+$/);
  const small = drawn({ type: 'qnormal', mu: 0, sigma: 0.5, q: 0.5 });
  assert.ok(small.includes('0.0') && !small.includes('-0.0'));
  for (const value of drawn({ type: 'qlognormal', mu: 0, sigma: 1, q: 0.5 })) assert.ok((Number(value) * 2) % 1 === 0);
  assert.deepEqual(drawn({ type: 'randint', upper: 4 }).sort(), ['0', '1', '2', '3']);
});

test('every seed draws numbers that a script can read, at the ends of a distribution too', () => {
  const space: SearchSpace = {
    a: { type: 'lognormal', mu: 0, sigma: 3 },
    b: { type: 'loguniform', min_value: -700, max_value: 700 },
    c: { type: 'randint', upper: 3 },
  };
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.constantFrom('random' as const, 'sobol' as const), (seed, rule) => {
      for (const point of samplePoints(sweep(space, { type: 'random', rule, seed }, 4), 0))
        for (const value of Object.values(point)) assert.ok(Number.isFinite(Number(value)), value);
    }),
    { numRuns: 300 },
  );
});

test('Sobol’s sequence is that of Joe and Kuo in each of its dimensions', () => {
  const coordinate = (index: number) => [0, 1, 2].map((dimension) => sobol(index, dimension) / 2 ** 32);
  assert.deepEqual([1, 2, 3, 4, 5].map(coordinate), [
    [0.5, 0.5, 0.5],
    [0.75, 0.25, 0.25],
    [0.25, 0.75, 0.75],
    [0.375, 0.375, 0.625],
    [0.875, 0.875, 0.125],
  ]);
  // The first 1024 points of scipy.stats.qmc.Sobol(21, scramble=False, bits=32).
  const all = Array.from({ length: 1024 }, (_, i) => Array.from({ length: SOBOL_DIMENSIONS }, (_, d) => sobol(i, d)));
  const digest = createHash('sha256').update(JSON.stringify(all)).digest('hex');
  assert.equal(digest, '34e0f47afecf97e526ab007ef202ab3e918426bffbc3cd71926cb16af29f99de');
});

test('rule sobol fills a space more evenly than chance, whatever its seed', () => {
  const space: SearchSpace = {
    x: { type: 'uniform', min_value: 0, max_value: 1 },
    y: { type: 'uniform', min_value: 0, max_value: 1 },
  };
  for (const seed of [1, 2, 3]) {
    const points = samplePoints(sweep(space, { type: 'random', rule: 'sobol', seed }, 16), 0);
    const cells = points.map(({ x, y }) => `${Math.floor(Number(x) * 4)} ${Math.floor(Number(y) * 4)}`);
    assert.equal(new Set(cells).size, 16);
  }
});

test('the normal distribution’s quantile is that of scipy.stats.norm.ppf', () => {
  const known = [
    ...[
      [1e-12, -7.034483825301131],
      [0.001, -3.090232306167813],
      [0.02, -2.053748910631823],
      [0.3, -0.5244005127080409],
    ],
    ...[
      [0.5, 0],
      [0.975, 1.959963984540054],
      [0.999999, 4.753424308817087],
    ],
  ] as [number, number][];
  for (const [p, quantile] of known) assert.ok(Math.abs(inverseNormal(p) - quantile) < 1e-7, String(p));
});

test('numbers are written as Python’s str() does', () => {
  assert.deepEqual([1, -3, 0.1, 1e-5, 1.5e300, 1e20].map(pythonNumber), [
    ...['1', '-3', '0.1', '1e-05', BigInt(1.5e300).toString(), '100000000000000000000'],
  ]);
});
