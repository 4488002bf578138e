import { pythonFloat, pythonInteger, pythonNumber } from './python-text.ts';
import { randomIntegers } from './random-integers.ts';
import { inverseNormal } from './inverse-normal.ts';
import type { ParameterExpression, SearchSpace } from './search-space.ts';
import { sobol } from './sobol.ts';
import { samplingOf, type Sweep, type TrialParameters } from './sweep.ts';

/** How many draws in a row may have been tried already before a finite space counts as exhausted. */
const REPEATS = 1000;

/**
 * The points of the search space that a sweep tries, in order; the same sweep and seed have the same. No point is tried
 * twice, so a finite space may have fewer than are asked for. `seed` is for a sweep that states none.
 */
export function samplePoints(sweep: Sweep, seed: number): TrialParameters[] {
  const { search_space: space, limits } = sweep;
  const sampling = samplingOf(sweep.sampling_algorithm);
  if (sampling.type === 'grid') return gridPoints(space, limits.max_total_trials);
  const draw = sampling.rule === 'sobol' ? sobolDraws(sampling.seed ?? seed) : randomDraws(sampling.seed ?? seed);
  const points = new Map<string, TrialParameters>();
  for (let repeats = 0; points.size < limits.max_total_trials && repeats < REPEATS;) {
    const units = draw(Object.keys(space).length);
    const point = Object.fromEntries(
      Object.entries(space).map(([name, expression], i) => [name, valueAt(expression, units[i] ?? 0.5)]),
    );
    const key = JSON.stringify(point);
    repeats = points.has(key) ? repeats + 1 : 0;
    points.set(key, point);
  }
  return [...points.values()];
}

/** How many points a grid has in all. */
export const gridSize = (space: SearchSpace): number =>
  Object.values(space).reduce((size, expression) => size * choicesOf(expression).length, 1);

/** The last parameter varies fastest. */
function gridPoints(space: SearchSpace, most: number): TrialParameters[] {
  const parameters = Object.entries(space).map(([name, expression]) => [name, choicesOf(expression)] as const);
  const size = Math.min(most, gridSize(space));
  return Array.from({ length: size }, (_, index) => {
    let rest = index;
    const point = parameters.toReversed().map(([name, values]) => {
      const value = values[rest % values.length] ?? '';
      rest = Math.floor(rest / values.length);
      return [name, value] as const;
    });
    return Object.fromEntries(point.toReversed());
  });
}

function choicesOf(expression: ParameterExpression): string[] {
  const values = expression.type === 'choice' ? expression.values : [];
  return [...new Set(values.map((value) => (typeof value === 'number' ? pythonNumber(value) : value)))];
}

type Draw = (dimensions: number) => number[];

/** Numbers in (0, 1), never at its ends, where a normal distribution has none. */
const unit = (high: number, low = 0x8000_0000): number => (high + (low + 0.5) / 2 ** 32) / 2 ** 32;

function randomDraws(seed: number): Draw {
  const next = randomIntegers(seed);
  return (dimensions) => Array.from({ length: dimensions }, () => unit(next(), next()));
}

/** Shifted digit by digit by the seed, which keeps the sequence's evenness: another seed has other points. */
function sobolDraws(seed: number): Draw {
  const next = randomIntegers(seed);
  const shifts: number[] = [];
  let index = 0;
  return (dimensions) => {
    while (shifts.length < dimensions) shifts.push(next());
    const point = shifts.slice(0, dimensions).map((shift, i) => unit((sobol(index, i) ^ shift) >>> 0));
    index++;
    return point;
  };
}

/** As Azure ML documents each distribution, and as Python would write what comes of it. */
function valueAt(expression: ParameterExpression, u: number): string {
  switch (expression.type) {
    case 'choice': {
      const values = choicesOf(expression);
      return values[Math.floor(u * values.length)] ?? '';
    }
    case 'randint':
      return pythonInteger(Math.floor(u * expression.upper));
    case 'uniform':
      return pythonFloat(between(expression, u));
    case 'loguniform':
      return pythonFloat(Math.exp(between(expression, u)));
    case 'quniform':
      return quantized(between(expression, u), expression.q);
    case 'qloguniform':
      return quantized(Math.exp(between(expression, u)), expression.q);
    case 'normal':
      return pythonFloat(around(expression, u));
    case 'lognormal':
      return pythonFloat(Math.exp(around(expression, u)));
    case 'qnormal':
      return quantized(around(expression, u), expression.q);
    case 'qlognormal':
      return quantized(Math.exp(around(expression, u)), expression.q);
  }
}

const between = ({ min_value, max_value }: { min_value: number; max_value: number }, u: number): number =>
  min_value + (max_value - min_value) * u;

const around = ({ mu, sigma }: { mu: number; sigma: number }, u: number): number => mu + sigma * inverseNormal(u);

/** `round(value / q) * q`, which in Python is an integer where q is one. */
function quantized(value: number, q: number): string {
  const whole = Math.round(value / q) * q + 0; // no -0
  return Number.isInteger(q) ? pythonInteger(whole) : pythonFloat(whole);
}
