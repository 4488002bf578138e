/** Something that must not be found, by what it is called: the value itself is never told. */
export interface Needle {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Shorter than this, and a needle would slow the search for all of them, and be found by chance. */
export const SHORTEST = 32;

/** Hashes are of so many bytes. */
const BLOCK = 3;
const HASHES = 2 ** 16;

/**
 * Finds any of many needles in one pass that looks at about every thirtieth byte (Wu and Manber, 1994): images are
 * hundreds of megabytes, and so is what is decoded from them.
 */
export class Needles {
  readonly #shift = new Uint8Array(HASHES).fill(SHORTEST - BLOCK + 1);
  /** Needles by the hash of the last block of their heads. */
  readonly #byHash = new Map<number, Needle[]>();

  constructor(needles: readonly Needle[]) {
    for (const needle of needles) this.#add(needle);
  }

  /** The names of those that are in `bytes`. */
  find(bytes: Buffer): Set<string> {
    const found = new Set<string>();
    for (let at = SHORTEST - BLOCK; at <= bytes.length - BLOCK;) {
      const hash = hashAt(bytes, at);
      const shift = this.#shift[hash] ?? 1;
      if (shift === 0) this.#compare(bytes, at - (SHORTEST - BLOCK), hash, found);
      at += Math.max(1, shift);
    }
    return found;
  }

  #add(needle: Needle): void {
    const { name, bytes } = needle;
    if (bytes.length < SHORTEST) throw new Error(`${name} has ${bytes.length} bytes, and a needle has ${SHORTEST}`);
    for (let at = 0; at <= SHORTEST - BLOCK; at++) {
      const hash = hashAt(bytes, at);
      this.#shift[hash] = Math.min(this.#shift[hash] ?? 0, SHORTEST - BLOCK - at);
    }
    const last = hashAt(bytes, SHORTEST - BLOCK);
    this.#byHash.set(last, [...(this.#byHash.get(last) ?? []), needle]);
  }

  #compare(bytes: Buffer, start: number, hash: number, found: Set<string>): void {
    for (const { name, bytes: needle } of this.#byHash.get(hash) ?? []) {
      if (bytes.subarray(start, start + needle.length).equals(needle)) found.add(name);
    }
  }
}

function hashAt(bytes: Buffer, at: number): number {
  return (((bytes[at] ?? 0) << 10) ^ ((bytes[at + 1] ?? 0) << 5) ^ (bytes[at + 2] ?? 0)) & (HASHES - 1);
}
