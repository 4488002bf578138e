/** What fits the processor’s nearest memory: it answers most questions. */
const NEAR_WIDTH = 18;

/** Which of 32-bit values may have been added: up to 512 bits each, so that few others are let through. */
export class BitFilter {
  readonly #near = new Uint32Array(2 ** (NEAR_WIDTH - 5));
  readonly #bits: Uint32Array;
  readonly #shift: number;

  constructor(values: number) {
    const width = Math.min(27, Math.max(10, Math.ceil(Math.log2(values + 1)) + 9));
    this.#bits = new Uint32Array(2 ** (width - 5));
    this.#shift = 32 - width;
  }

  static of(values: ReadonlySet<number>): BitFilter {
    const filter = new BitFilter(values.size);
    for (const value of values) filter.add(value);
    return filter;
  }

  add(value: number): void {
    const hash = spread(value);
    const near = hash >>> (32 - NEAR_WIDTH);
    const at = Math.imul(hash, 0x85ebca6b) >>> this.#shift;
    this.#near[near >>> 5] = (this.#near[near >>> 5] as number) | (1 << (near & 31));
    this.#bits[at >>> 5] = (this.#bits[at >>> 5] as number) | (1 << (at & 31));
  }

  has(value: number): boolean {
    const hash = spread(value);
    const near = hash >>> (32 - NEAR_WIDTH);
    if (((this.#near[near >>> 5] as number) & (1 << (near & 31))) === 0) return false;
    const at = Math.imul(hash, 0x85ebca6b) >>> this.#shift;
    return ((this.#bits[at >>> 5] as number) & (1 << (at & 31))) !== 0;
  }
}

const spread = (value: number): number => Math.imul(value ^ (value >>> 15), 0x9e3779b1);
