import type { ByteSource } from '../byte-source.ts';
import { lengthOf, type Piece } from './new-file.ts';
import type { Field, Message } from './onnx-messages.ts';

/** Deeper than any model nests its graphs. */
const DEEPEST = 60;
/** Up to here bytes are held; longer ones are copied from the old file when it is written. */
const HELD = 256;

/** A field that stands in a message, or a run of one: its number and the pieces that it is made of. */
export interface Part {
  readonly number: number;
  /** Grows while the run goes on. */
  readonly pieces: Piece[];
  /** Of contents, without keys and lengths. */
  bytes: number;
  count: number;
  /** The first whole numbers of it. */
  readonly numbers: number[];
}

const MOST_NUMBERS = 64;

/** Told of each message that was read, by its kind, with its parts; `false` refuses the file. */
export type Visit = (message: Message, parts: readonly Part[]) => boolean;

/** The bytes were not those of such a message. */
export class NoMessage extends Error {}

/**
 * A message with the fields that are known, in the order of their numbers, each in the shortest spelling; those that may stand
 * there once and stand there twice make it none. What is written so already is a stretch of the old file, since a forest has
 * millions of numbers and names. @throws NoMessage
 */
export async function plainMessage(
  source: ByteSource,
  [from, to]: readonly [number, number],
  message: Message,
  visit: Visit,
  depth = 0,
): Promise<Piece[]> {
  if (depth > DEEPEST) throw new NoMessage();
  const parts: Part[] = [];
  for (let at = from; at < to;) {
    const read = await readField(source, at, to);
    const field = message[read.number];
    if (field) addPart(parts, field, await partOf(source, at, field, read, visit, depth));
    at = read.value[1];
  }
  const sorted = parts.sort((a, b) => a.number - b.number);
  const twice = sorted.some(({ number }, i) => sorted[i - 1]?.number === number && !message[number]?.many);
  if (twice || !visit(message, sorted)) throw new NoMessage();
  return sorted.reduce<Piece[]>((all, { pieces }) => joined(all, pieces), []);
}

interface Read {
  readonly number: number;
  readonly wire: number;
  /** Where its content stands. */
  readonly value: readonly [number, number];
}

async function partOf(
  source: ByteSource,
  at: number,
  { type, many }: Field,
  { number, wire, value }: Read,
  visit: Visit,
  depth: number,
): Promise<Part> {
  const [from, to] = value;
  const length = to - from;
  const small = length > HELD ? undefined : Buffer.from(await source.read(from, length));
  const numbers = type !== 'varint' ? [] : small ? varints(small) : [NaN];
  const isPacked = wire === 2 && many && typeof type === 'string';
  if (wire !== (typeof type === 'string' ? WIRES[type] : 2) && !isPacked) throw new NoMessage();

  let content: readonly Piece[] = [{ from, length }];
  if (typeof type === 'function') content = await plainMessage(source, value, type(), visit, depth + 1);
  if (wire === 0 && small) content = [same(small, shortest(small), from)];
  const bytes = lengthOf(content);
  const head = Buffer.concat([varint(number * 8 + wire), ...(wire === 2 ? [varint(bytes)] : [])]);
  const pieces = joined([same(await source.read(at, from - at), head, at)], content);
  return { number, pieces, bytes, count: 1, numbers };
}

/** A stretch of the old file, where that is what is to be written. */
const same = (old: Buffer, made: Buffer, from: number): Piece =>
  made.equals(old) ? { from, length: made.length } : made;

function addPart(parts: Part[], { many }: Field, part: Part): void {
  const run = parts.at(-1);
  if (!many || run?.number !== part.number) {
    parts.push(part);
    return;
  }
  joined(run.pieces, part.pieces);
  run.bytes += part.bytes;
  run.count += 1;
  if (run.numbers.length < MOST_NUMBERS) run.numbers.push(...part.numbers);
}

/** Adds pieces to others; stretches that follow one another become one. */
function joined(all: Piece[], more: readonly Piece[]): Piece[] {
  for (const piece of more) {
    const last = all.at(-1);
    if (piece.length === 0) continue;
    if (last && !Buffer.isBuffer(last) && !Buffer.isBuffer(piece) && last.from + last.length === piece.from)
      all[all.length - 1] = { from: last.from, length: last.length + piece.length };
    else all.push(piece);
  }
  return all;
}

function varints(bytes: Buffer): number[] {
  const found: number[] = [];
  let [value, factor] = [0, 1];
  for (const byte of bytes) {
    value += (byte & 127) * factor;
    factor *= 128;
    if (byte >= 128) continue;
    found.push(value);
    [value, factor] = [0, 1];
  }
  return found;
}

const WIRES = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

async function readField(source: ByteSource, at: number, to: number): Promise<Read> {
  const head = await source.read(at, Math.min(20, to - at));
  const [key, keyLength] = readVarint(head, 0);
  const [number, wire] = [Math.floor(key / 8), key % 8];
  const begin = at + keyLength;
  const ending = (value: readonly [number, number]) => {
    if (value[1] > to || number === 0) throw new NoMessage();
    return { number, wire, value };
  };
  if (wire === 0) return ending([begin, begin + varintLength(head, keyLength)]);
  if (wire === 1) return ending([begin, begin + 8]);
  if (wire === 5) return ending([begin, begin + 4]);
  if (wire !== 2) throw new NoMessage();
  const [length, lengthLength] = readVarint(head, keyLength);
  return ending([begin + lengthLength, begin + lengthLength + length]);
}

function varintLength(bytes: Buffer, from: number): number {
  for (let length = 1; length <= 10; length += 1) if ((bytes[from + length - 1] ?? 255) < 128) return length;
  throw new NoMessage();
}

function readVarint(bytes: Buffer, from: number): [value: number, length: number] {
  const length = varintLength(bytes, from);
  if (length > 7) throw new NoMessage();
  let value = 0;
  for (let i = length - 1; i >= 0; i -= 1) value = value * 128 + ((bytes[from + i] ?? 0) & 127);
  return [value, length];
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

/** The same number without groups of nothing at its end. */
function shortest(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 1 && ((bytes[end - 1] ?? 0) & 127) === 0) end -= 1;
  const made = Buffer.from(bytes.subarray(0, end));
  made[end - 1] = (made[end - 1] ?? 0) & 127;
  return made;
}
