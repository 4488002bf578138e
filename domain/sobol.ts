/**
 * Sobol's sequence, with the direction numbers of S. Joe and F. Y. Kuo (new-joe-kuo-6.21201,
 * https://web.maths.unsw.edu.au/~fkuo/sobol/): the degree and coefficients of a primitive polynomial, and the first numbers.
 */
const JOE_KUO: readonly (readonly [degree: number, coefficients: number, first: readonly number[]])[] = [
  [1, 0, [1]],
  [2, 1, [1, 3]],
  [3, 1, [1, 3, 1]],
  [3, 2, [1, 1, 1]],
  [4, 1, [1, 1, 3, 3]],
  [4, 4, [1, 3, 5, 13]],
  [5, 2, [1, 1, 5, 5, 17]],
  [5, 4, [1, 1, 5, 5, 5]],
  [5, 7, [1, 1, 7, 11, 19]],
  [5, 11, [1, 1, 5, 1, 1]],
  [5, 13, [1, 1, 1, 3, 11]],
  [5, 14, [1, 3, 5, 5, 31]],
  [6, 1, [1, 3, 3, 9, 7, 49]],
  [6, 13, [1, 1, 1, 15, 21, 21]],
  [6, 16, [1, 3, 1, 13, 27, 49]],
  [6, 19, [1, 1, 1, 15, 7, 5]],
  [6, 22, [1, 3, 1, 15, 13, 25]],
  [6, 25, [1, 1, 5, 5, 19, 61]],
  [7, 1, [1, 3, 7, 11, 23, 15, 103]],
  [7, 4, [1, 3, 7, 13, 13, 15, 69]],
];

const BITS = 32;

/** How many dimensions there are numbers for; the first needs none. */
export const SOBOL_DIMENSIONS = JOE_KUO.length + 1;

const DIRECTIONS = Array.from({ length: SOBOL_DIMENSIONS }, (_, dimension) => directions(dimension));

/** The coordinate of a point of the sequence, in Gray code's order, as 32 bits of a fraction. */
export function sobol(index: number, dimension: number): number {
  const numbers = DIRECTIONS[dimension] ?? [];
  const gray = index ^ (index >>> 1);
  return numbers.reduce((sum, number, bit) => ((gray >>> bit) & 1 ? sum ^ number : sum), 0) >>> 0;
}

function directions(dimension: number): number[] {
  const [degree, coefficients, first] = JOE_KUO[dimension - 1] ?? [0, 0, []];
  const numbers: number[] = [];
  for (let bit = 0; bit < BITS; bit++) {
    if (dimension === 0) numbers.push((1 << (BITS - 1 - bit)) >>> 0);
    else if (bit < degree) numbers.push(((first[bit] ?? 0) << (BITS - 1 - bit)) >>> 0);
    else numbers.push(next(numbers, bit, degree, coefficients));
  }
  return numbers;
}

function next(numbers: readonly number[], bit: number, degree: number, coefficients: number): number {
  const at = (back: number) => numbers[bit - back] ?? 0;
  let number = at(degree) ^ (at(degree) >>> degree);
  for (let k = 1; k < degree; k++) if ((coefficients >>> (degree - 1 - k)) & 1) number ^= at(k);
  return number >>> 0;
}
