import { scanText } from './scan-text.ts';

/** Words of a row that make it one. */
export const WORDS = 6;
/** Numbers of a row that make it one: four that say much, or eight that say less each. */
export const NUMBERS = [4, 8] as const;
const KEPT = 8;
/** Letters of what is somebody’s. */
export const LEAST_IN_IDENTIFIER = 6;
export const LEAST_IN_ROW = 20;

/** The last words and numbers that were told, and what they are together. */
export class Grams {
  readonly #lows = new Int32Array(KEPT);
  readonly #highs = new Int32Array(KEPT);
  readonly #lengths = new Int32Array(KEPT);
  readonly #bits = new Int32Array(KEPT);
  readonly #digits = new Int32Array(KEPT);
  /** How many were told. */
  words = 0;
  numbers = 0;
  /** What `hashWords` and `hashNumbers` found. */
  low = 0;
  high = 0;

  word(low: number, high: number, length: number): void {
    const at = this.words++ & (KEPT - 1);
    this.#lows[at] = low;
    this.#highs[at] = high;
    this.#lengths[at] = length;
  }

  number(bits: number, digits: number): void {
    const at = this.numbers++ & (KEPT - 1);
    this.#bits[at] = bits;
    this.#digits[at] = digits;
  }

  /** The last `count` words. */
  hashWords(count: number): void {
    let low = count;
    let high = count;
    for (let back = count; back > 0; back -= 1) {
      const at = (this.words - back) & (KEPT - 1);
      low = Math.imul(low, 0x01000193) ^ (this.#lows[at] as number);
      high = Math.imul(high, 0x7feb352d) ^ (this.#highs[at] as number);
    }
    this.low = low;
    this.high = high;
  }

  firstWordOf(count: number): number {
    return this.#lows[(this.words - count) & (KEPT - 1)] as number;
  }

  /** How many letters the last `count` words have. */
  letters(count: number): number {
    let letters = 0;
    for (let back = count; back > 0; back -= 1) letters += this.#lengths[(this.words - back) & (KEPT - 1)] as number;
    return letters;
  }

  /** Whether six words were told that together are hardly anybody else’s: 20 letters or more, four different ones. */
  tellsWords(): boolean {
    if (this.words < WORDS) return false;
    const different = new Set<number>();
    for (let back = WORDS; back > 0; back -= 1) different.add(this.#highs[(this.words - back) & (KEPT - 1)] as number);
    return this.letters(WORDS) >= LEAST_IN_ROW && different.size >= 4;
  }

  /** The last `count` numbers. */
  hashNumbers(count: number): void {
    let low = count;
    let high = ~count;
    for (let back = count; back > 0; back -= 1) {
      const bits = this.#bits[(this.numbers - back) & (KEPT - 1)] as number;
      low = lowWith(low, bits);
      high = highWith(high, bits);
    }
    this.low = low;
    this.high = high;
  }

  firstOf(count: number): number {
    return this.#bits[(this.numbers - count) & (KEPT - 1)] as number;
  }

  /** Whether so many numbers were told that are hardly there by chance: enough digits, enough different ones, no even steps. */
  tellsNumbers(count: number): boolean {
    if (this.numbers < count || this.firstOf(count) === 0) return false;
    let digits = 0;
    const values: number[] = [];
    for (let back = count; back > 0; back -= 1) {
      const at = (this.numbers - back) & (KEPT - 1);
      digits += this.#digits[at] as number;
      singleBits[0] = this.#bits[at] as number;
      values.push(single[0] as number);
    }
    const steps = new Set(values.slice(1).map((value, index) => Math.fround(value - (values[index] as number))));
    return digits >= count + 6 && new Set(values).size > count / 2 && steps.size > 1;
  }
}

const single = new Float32Array(1);
const singleBits = new Int32Array(single.buffer);

/** A hash of numbers, with one more: of `count` numbers it begins as `count`, and the other as `~count`. */
export const lowWith = (low: number, bits: number): number => Math.imul(low ^ bits, 0x01000193);
export const highWith = (high: number, bits: number): number =>
  Math.imul((high << 5) ^ (high >>> 27) ^ bits, 0x7feb352d);

/** The words of an identifier that are looked at. */
export const IDENTIFIER_WORDS = 3;

/** Of a cell: its first words together, and the first of them; undefined for one that is too short to be anybody’s. */
export function identifierHash(
  cell: Uint8Array,
  seeds: readonly [number, number],
): [low: number, high: number, first: number] | undefined {
  const grams = new Grams();
  scanText(cell, seeds, {
    countsDigits: false,
    word(low, high, length) {
      if (grams.words < IDENTIFIER_WORDS) grams.word(low, high, length);
    },
    number: () => undefined,
  });
  grams.hashWords(grams.words);
  if (grams.letters(grams.words) < LEAST_IN_IDENTIFIER) return undefined;
  return [grams.low, grams.high, grams.firstWordOf(grams.words)];
}
