import { randomBytes } from 'node:crypto';
import { BitFilter } from './bit-filter.ts';

/** What is searched for, by the rule that a hit is told under. */
const KINDS = { identifier: 1, row: 2, numbers: 3, block: 4 } as const;
export type Kind = keyof typeof KINDS;

/** 18 bytes each, at most. */
const MOST = 2 ** 22;
/** What is in more rows than this is no row’s own. */
const COMMON = 3;

/**
 * Keyed 64-bit fingerprints of pieces of the inputs, in memory only: the key is made here, and neither is ever written down.
 * They are added first and looked for after `seal`. A full table takes no more.
 */
export class Fingerprints {
  readonly #key = randomBytes(16);
  readonly seeds = [this.#key.readInt32LE(0), this.#key.readInt32LE(4)] as const;
  readonly #mixLow = this.#key.readInt32LE(8) | 1;
  readonly #mixHigh = this.#key.readInt32LE(12) | 1;
  #low = new Int32Array(2 ** 12);
  #high = new Int32Array(2 ** 12);
  #count = new Uint8Array(2 ** 12);
  readonly #begun = { words: new Set<number>(), values: new Set<number>() };
  #all = new BitFilter(0);
  /** What runs of numbers or bytes begin with. */
  begins = new BitFilter(0);
  /** 1 where a float64 with this exponent may be, as a float32, something that a run begins with: most bytes are none. */
  readonly exponents = new Uint8Array(2 ** 11);
  /** Which words identifiers and rows begin with. */
  beginsWords = new BitFilter(0);
  size = 0;
  readonly kinds = new Set<Kind>();

  /** `first` is what a run of words, numbers or bytes begins with: most places of a file are decided by it. */
  add(kind: Kind, low: number, high: number, first: number): void {
    const a = this.#first(KINDS[kind], low);
    const b = this.#second(a, high);
    let slot = this.#slot(a, b);
    const seen = this.#count[slot] as number;
    if (seen === 0) {
      if (this.size >= MOST) return;
      if (this.size * 2 >= this.#count.length) {
        this.#grow();
        slot = this.#slot(a, b);
      }
      this.#low[slot] = a;
      this.#high[slot] = b;
      this.size += 1;
      this.kinds.add(kind);
      this.#begun[kind === 'identifier' || kind === 'row' ? 'words' : 'values'].add(first);
    }
    if (seen < 255) this.#count[slot] = seen + 1;
  }

  seal(): this {
    this.#all = new BitFilter(this.size);
    for (let slot = 0; slot < this.#count.length; slot += 1)
      if (this.#count[slot] !== 0) this.#all.add(this.#low[slot] as number);
    this.begins = BitFilter.of(this.#begun.values);
    this.beginsWords = BitFilter.of(this.#begun.words);
    for (const first of this.#begun.values) {
      // A float64 just below a power of two is rounded up to it. Denormals and what is no number: all of them.
      const exponent = (first >>> 23) & 0xff;
      const [from, to] =
        exponent === 0 ? [0, 897] : exponent === 0xff ? [1150, 2047] : [exponent + 895, exponent + 896];
      this.exponents.fill(1, from, to + 1);
    }
    for (const begun of Object.values(this.#begun)) begun.clear();
    return this;
  }

  has(kind: Kind, low: number, high: number): boolean {
    const a = this.#first(KINDS[kind], low);
    if (!this.#all.has(a)) return false;
    const seen = this.#count[this.#slot(a, this.#second(a, high))] as number;
    return seen > 0 && seen <= COMMON;
  }

  #first(kind: number, low: number): number {
    const a = Math.imul(low ^ kind, this.#mixLow);
    return Math.imul(a ^ (a >>> 15), 0x2c1b3c6d);
  }

  #second(a: number, high: number): number {
    const b = Math.imul(high ^ (a >>> 13), this.#mixHigh);
    return Math.imul(b ^ (b >>> 16), 0x5bd1e995);
  }

  #slot(a: number, b: number): number {
    const mask = this.#count.length - 1;
    let slot = (b ^ (b >>> 15)) & mask;
    while (this.#count[slot] !== 0 && (this.#low[slot] !== a || this.#high[slot] !== b)) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [lows, highs, counts] = [this.#low, this.#high, this.#count];
    this.#low = new Int32Array(2 * lows.length);
    this.#high = new Int32Array(2 * lows.length);
    this.#count = new Uint8Array(2 * lows.length);
    for (let from = 0; from < counts.length; from += 1) {
      if (counts[from] === 0) continue;
      const slot = this.#slot(lows[from] as number, highs[from] as number);
      this.#low[slot] = lows[from] as number;
      this.#high[slot] = highs[from] as number;
      this.#count[slot] = counts[from] as number;
    }
  }
}
