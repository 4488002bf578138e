import { ImageRefused } from './image-refused.ts';

/** What a layer says of one name. `special`: a device, a FIFO. */
export interface TarEntry {
  readonly type: 'file' | 'folder' | 'symlink' | 'link' | 'special';
  readonly path: string;
  /** Of a symlink or hard link. */
  readonly target: string;
  readonly mode: number;
  readonly bytes: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
}

/** What is done with a tar, in its order: each entry, and then the bytes of a file. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  data(bytes: Buffer): void;
  /** The file's bytes were all given. */
  done(): void;
}

const BLOCK = 512;
/** A long name or a pax header; more is no name. */
const MAX_META = 2 ** 20;

/**
 * Reads a tar as it comes in (POSIX.1-2001 ustar and pax, GNU's long names and large numbers), holding one block or one header
 * in memory. Nothing is believed: checksums hold, sizes are bounded, sparse files and what it does not know are refused.
 * @throws ImageRefused
 */
export class TarReader {
  readonly #handler: TarHandler;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** What comes next: a header's block, a file's bytes, a meta entry's bytes, or bytes to pass over. */
  #next: 'header' | 'data' | 'meta' | 'over' | 'end' = 'header';
  #left = 0;
  #padding = 0;
  #metaType = '';
  #pax: ReadonlyMap<string, string> = new Map();
  #longPath: string | undefined;
  #longTarget: string | undefined;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && this.#next !== 'end') rest = this.#step(rest);
  }

  /** @throws ImageRefused where it ended in the middle of an entry */
  end(): void {
    if (this.#heldBytes > 0 || (this.#next !== 'header' && this.#next !== 'end'))
      throw new ImageRefused('it is cut off');
  }

  #step(chunk: Buffer): Buffer {
    if (this.#next === 'data' || this.#next === 'over') return this.#pass(chunk);
    const wanted = this.#next === 'header' ? BLOCK : this.#left;
    const piece = chunk.subarray(0, wanted - this.#heldBytes);
    this.#held.push(piece);
    this.#heldBytes += piece.length;
    if (this.#heldBytes === wanted) {
      const whole = this.#held.length === 1 ? piece : Buffer.concat(this.#held);
      this.#held = [];
      this.#heldBytes = 0;
      if (this.#next === 'header') this.#header(whole);
      else this.#meta(whole);
    }
    return chunk.subarray(piece.length);
  }

  #pass(chunk: Buffer): Buffer {
    const piece = chunk.subarray(0, this.#left);
    this.#left -= piece.length;
    if (this.#next === 'data') this.#handler.data(piece);
    if (this.#left === 0) {
      if (this.#next === 'data') {
        this.#handler.done();
        this.#over(this.#padding);
      } else this.#next = 'header';
    }
    return chunk.subarray(piece.length);
  }

  #over(bytes: number): void {
    this.#left = bytes;
    this.#next = bytes === 0 ? 'header' : 'over';
  }

  #header(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      this.#next = 'end';
      return;
    }
    if (!sumHolds(block)) throw new ImageRefused('it is no tar, or damaged');
    const type = String.fromCharCode(block[156] ?? 0);
    const bytes = numberAt(block, 124, 12);
    this.#padding = (BLOCK - (bytes % BLOCK)) % BLOCK;
    if (META.has(type)) return this.#beginMeta(type, bytes);
    this.#entry(block, type);
    this.#pax = new Map();
    this.#longPath = this.#longTarget = undefined;
  }

  #beginMeta(type: string, bytes: number): void {
    if (bytes > MAX_META) throw new ImageRefused('a name in it is too long');
    this.#metaType = type;
    this.#left = bytes;
    this.#next = 'meta';
    if (bytes === 0) this.#next = 'header';
  }

  #meta(content: Buffer): void {
    if (this.#metaType === 'L') this.#longPath = cString(content, 0, content.length);
    if (this.#metaType === 'K') this.#longTarget = cString(content, 0, content.length);
    // A global header (g) says nothing of names that a layer may rely on.
    if (this.#metaType === 'x') this.#pax = paxRecords(content);
    this.#over(this.#padding);
  }

  #entry(block: Buffer, flag: string): void {
    if (flag === 'S' || [...this.#pax.keys()].some((key) => key.startsWith('GNU.sparse'))) {
      throw new ImageRefused('it holds a sparse file');
    }
    const path = this.#pax.get('path') ?? this.#longPath ?? ustarPath(block);
    const type = flag === '\0' && path.endsWith('/') ? 'folder' : TYPES[flag];
    if (type === undefined) throw new ImageRefused(`it holds an entry of the unknown type ${JSON.stringify(flag)}`);
    const stated = this.#pax.get('size');
    const bytes = type !== 'file' ? 0 : stated === undefined ? numberAt(block, 124, 12) : decimal(stated);
    const mtime = Number(this.#pax.get('mtime') ?? numberAt(block, 136, 12));
    const target = this.#pax.get('linkpath') ?? this.#longTarget ?? cString(block, 157, 100);
    if (path.includes('\0') || target.includes('\0')) throw new ImageRefused('a name in it holds a NUL');
    this.#handler.entry({
      ...{ type, path, target, bytes, mode: numberAt(block, 100, 8) },
      mtime: Number.isFinite(mtime) ? Math.max(0, Math.floor(mtime)) : 0,
    });
    if (type !== 'file') return this.#over(0);
    this.#padding = (BLOCK - (bytes % BLOCK)) % BLOCK;
    this.#left = bytes;
    this.#next = 'data';
    if (bytes === 0) {
      this.#handler.done();
      this.#next = 'header';
    }
  }
}

const META = new Set(['x', 'g', 'L', 'K']);
const TYPES: Readonly<Record<string, TarEntry['type']>> = {
  ...{ '0': 'file', '\0': 'file', '7': 'file', '5': 'folder', '2': 'symlink', '1': 'link' },
  ...{ '3': 'special', '4': 'special', '6': 'special' },
};

function sumHolds(block: Buffer): boolean {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += block[i]!;
  return sum === numberAt(block, 148, 8);
}

/** Octal, or with the first bit set GNU's big-endian number. */
function numberAt(block: Buffer, offset: number, length: number): number {
  if (((block[offset] ?? 0) & 0x80) === 0) {
    const text = cString(block, offset, length).trim();
    if (!/^[0-7]*$/.test(text)) throw new ImageRefused('a number in it is none');
    return text === '' ? 0 : Number.parseInt(text, 8);
  }
  let value = block[offset]! & 0x7f;
  for (let i = 1; i < length; i++) value = value * 256 + block[offset + i]!;
  if (!Number.isSafeInteger(value)) throw new ImageRefused('a number in it is too large');
  return value;
}

function decimal(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new ImageRefused('a size in it is none');
  return value;
}

function ustarPath(block: Buffer): string {
  const name = cString(block, 0, 100);
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? cString(block, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function cString(block: Buffer, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? field.length : end);
}

/** `LENGTH key=value\n`, where LENGTH counts itself. */
function paxRecords(content: Buffer): Map<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(0x20, at);
    const digits = space === -1 ? '' : content.toString('latin1', at, space);
    const length = /^\d{1,7}$/.test(digits) ? Number(digits) : 0;
    const record = content.toString('utf8', space + 1, at + length);
    const equals = record.indexOf('=');
    if (length <= digits.length + 1 || at + length > content.length || equals === -1 || !record.endsWith('\n')) {
      throw new ImageRefused('a pax header in it is damaged');
    }
    found.set(record.slice(0, equals), record.slice(equals + 1, -1));
    at += length;
  }
  return found;
}
