import type { ByteSource } from './byte-source.ts';
import type { Fault } from './finding.ts';

/** Bytes of a value behind its type (Universal Binary JSON, draft 12, and its typed containers); of others a length tells. */
const SIZES: Readonly<Record<string, number>> = {
  ...{ Z: 0, N: 0, T: 0, F: 0, i: 1, U: 1, C: 1, I: 2, l: 4, L: 8, d: 4, D: 8 },
};
const DEEPEST = 100;

/** Undefined for one object of XGBoost’s own binary form, to the file’s last byte, with a learner in it. */
export async function xgboostFault(source: ByteSource): Promise<Fault | undefined> {
  const reader = new Reader(source);
  try {
    const names = await reader.root();
    if (!names.includes('learner') || !names.includes('version')) return 'not-whole';
    return reader.at === source.bytes ? undefined : 'trailing-bytes';
  } catch (error) {
    if (error instanceof Broken) return 'not-whole';
    throw error;
  }
}

class Broken extends Error {}

class Reader {
  readonly #source: ByteSource;
  at = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Names of the outermost members. */
  async root(): Promise<string[]> {
    if ((await this.#letter()) !== '{') throw new Broken();
    return this.#members(0);
  }

  async #members(depth: number): Promise<string[]> {
    const names: string[] = [];
    for (;;) {
      const letter = await this.#letter();
      if (letter === '}') return names;
      const length = await this.#whole(letter);
      names.push((await this.#take(length)).toString('latin1'));
      await this.#value(await this.#letter(), depth + 1);
    }
  }

  async #value(type: string, depth: number): Promise<void> {
    if (depth > DEEPEST) throw new Broken();
    const size = SIZES[type];
    if (size !== undefined) return this.#skip(size);
    if (type === 'S' || type === 'H') return this.#skip(await this.#whole(await this.#letter()));
    if (type === '{') return void (await this.#members(depth));
    if (type !== '[') throw new Broken();
    return this.#array(depth);
  }

  async #array(depth: number): Promise<void> {
    let letter = await this.#letter();
    let of: string | undefined;
    if (letter === '$') {
      of = await this.#letter();
      letter = await this.#letter();
      if (letter !== '#' || SIZES[of] === undefined) throw new Broken();
    }
    if (letter === '#') {
      const count = await this.#whole(await this.#letter());
      if (of !== undefined) return this.#skip(count * (SIZES[of] ?? 0));
      for (let i = 0; i < count; i += 1) await this.#value(await this.#letter(), depth + 1);
      return;
    }
    for (; letter !== ']'; letter = await this.#letter()) await this.#value(letter, depth + 1);
  }

  /** A length. */
  async #whole(type: string): Promise<number> {
    const bytes = await this.#take(SIZES[type] ?? -1);
    if (type === 'U') return bytes.readUInt8();
    const value = type === 'i' ? bytes.readInt8() : type === 'I' ? bytes.readInt16BE() : longer(type, bytes);
    if (value < 0 || !Number.isSafeInteger(value)) throw new Broken();
    return value;
  }

  async #letter(): Promise<string> {
    return (await this.#take(1)).toString('latin1');
  }

  async #take(length: number): Promise<Buffer> {
    if (length < 0 || this.at + length > this.#source.bytes) throw new Broken();
    const bytes = await this.#source.read(this.at, length);
    this.at += length;
    return bytes;
  }

  #skip(length: number): void {
    if (this.at + length > this.#source.bytes) throw new Broken();
    this.at += length;
  }
}

function longer(type: string, bytes: Buffer): number {
  if (type === 'l') return bytes.readInt32BE();
  return type === 'L' ? Number(bytes.readBigInt64BE()) : -1;
}
