/** Which of 32-bit values may have been added: up to 512 bits each, so that few others are let through. */
export class BitFilter {
  readonly #bits: Uint32Array;
  readonly #shift: number;

  constructor(values: number) {
    const width = Math.min(27, Math.max(10, Math.ceil(Math.log2(values + 1)) + 9));
    this.#bits = new Uint32Array(2 ** (width - 5));
    this.#shift = 32 - width;
  }

  add(value: number): void {
    const at = this.#slot(value);
    this.#bits[at >>> 5] = (this.#bits[at >>> 5] as number) | (1 << (at & 31));
  }

  has(value: number): boolean {
    const at = this.#slot(value);
    return ((this.#bits[at >>> 5] as number) & (1 << (at & 31))) !== 0;
  }

  #slot(value: number): number {
    return Math.imul(value ^ (value >>> 15), 0x9e3779b1) >>> this.#shift;
  }
}
