import { constants, inflateRawSync, inflateSync } from 'node:zlib';

/** What was decoded from a part of something, and how. */
export interface Decoded {
  readonly how: string;
  readonly bytes: Buffer;
}

interface TextEncoding {
  readonly name: string;
  readonly bits: number;
  /** By byte: the digit's value, or one of the marks below. */
  readonly values: Int8Array;
  /** A run may begin with digits that belong to something else, so it is read from each of its first few digits. */
  readonly starts: number;
}

const OUTSIDE = -1;
/** Line breaks wrap long runs; a backslash is here because JSON writes them as two characters. */
const WRAPS = -2;
const BACKSLASH = 0x5c;

const BASE64 = encoding('base64', 6, 4, [
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
]);
const HEX = encoding('hex', 4, 2, ['0123456789abcdef', '0123456789ABCDEF']);

/** Every run of base64, base64url or hex in which `least` bytes have room, decoded; wrapped lines are one run. */
export function* textRuns(bytes: Buffer, least: number): Generator<Decoded> {
  for (const text of [BASE64, HEX]) {
    const shortest = Math.floor((least * 8) / text.bits);
    for (const run of runs(bytes, text.values, shortest)) {
      for (let start = 0; start < text.starts; start++) yield { how: text.name, bytes: decode(run, text, start) };
    }
  }
}

/** Only every `shortest`th byte is looked at until one could be in a run. */
function* runs(bytes: Buffer, values: Int8Array, shortest: number): Generator<Buffer> {
  const inside = (at: number) => at >= 0 && at < bytes.length && (values[bytes[at] ?? 0] ?? OUTSIDE) !== OUTSIDE;
  for (let at = shortest - 1; at < bytes.length; at += shortest) {
    if (!inside(at)) continue;
    let [from, to] = [at, at + 1];
    while (inside(from - 1)) from--;
    while (inside(to)) to++;
    if (to - from >= shortest) yield bytes.subarray(from, to);
    at = to;
  }
}

function decode(run: Buffer, { bits, values }: TextEncoding, start: number): Buffer {
  const bytes = Buffer.allocUnsafe(Math.ceil((run.length * bits) / 8));
  let [length, held, count, digits] = [0, 0, 0, 0];
  for (let at = 0; at < run.length; at++) {
    const character = run[at] ?? 0;
    if (character === BACKSLASH && (run[at + 1] === 0x6e || run[at + 1] === 0x72)) at++; // \n or \r
    const value = values[character] ?? OUTSIDE;
    if (value < 0 || digits++ < start) continue;
    held = ((held << bits) | value) & 0xffff;
    count += bits;
    if (count < 8) continue;
    count -= 8;
    bytes[length++] = held >> count;
  }
  return bytes.subarray(0, length);
}

const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);
const ZIP_FILE = Buffer.from('PK\x03\x04');
const ZLIB = 0x78;

/** Everything compressed that begins anywhere in `bytes` and says so: gzip, zlib, and the files of a zip archive. */
export function* compressed(bytes: Buffer): Generator<Decoded> {
  for (const at of placesOf(bytes, GZIP))
    yield* inflated('gzip', inflateRawSync, bytes.subarray(at + gzipHead(bytes, at)));
  for (const at of placesOf(bytes, ZLIB)) {
    if (isZlibHead(bytes[at] ?? 0, bytes[at + 1] ?? 0)) yield* inflated('zlib', inflateSync, bytes.subarray(at));
  }
  for (const at of placesOf(bytes, ZIP_FILE)) {
    const head = bytes.subarray(at, at + 30);
    if (head.length < 30 || head.readUInt16LE(8) !== DEFLATED) continue;
    const start = at + head.length + head.readUInt16LE(26) + head.readUInt16LE(28);
    yield* inflated('zip', inflateRawSync, bytes.subarray(start));
  }
}

/** Raw deflate has no mark: all of `bytes` is it, or not. */
export function* rawDeflate(bytes: Buffer): Generator<Decoded> {
  yield* inflated('deflate', inflateRawSync, bytes);
}

const DEFLATED = 8;

/** The length of a member's head (RFC 1952). Node's own reading of it takes what follows a member for another, and fails. */
function gzipHead(bytes: Buffer, at: number): number {
  const flags = bytes[at + 3] ?? 0;
  let end = at + 10;
  if (flags & 4) end += 2 + (bytes[end] ?? 0) + (bytes[end + 1] ?? 0) * 256;
  for (const text of [8, 16]) if (flags & text) end = Math.max(end, bytes.indexOf(0, end) + 1);
  return end + (flags & 2 ? 2 : 0) - at;
}

/** RFC 1950: a checksum, and no dictionary. */
const isZlibHead = (method: number, flags: number): boolean =>
  (method * 256 + flags) % 31 === 0 && (flags & 0x20) === 0;

/** What was cut off is read as far as it goes; what is no such thing is nothing. @throws RangeError where it is a bomb */
function* inflated(how: string, inflate: typeof inflateSync, bytes: Buffer): Generator<Decoded> {
  try {
    yield { how, bytes: inflate(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: BOMB }) };
  } catch (error) {
    if (error instanceof RangeError) throw error;
  }
}

const BOMB = 2 ** 30;

function* placesOf(bytes: Buffer, mark: Buffer | number): Generator<number> {
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) yield at;
}

function encoding(name: string, bits: number, starts: number, alphabets: readonly string[]): TextEncoding {
  const values = new Int8Array(256).fill(OUTSIDE);
  for (const alphabet of alphabets) [...alphabet].forEach((digit, value) => (values[digit.charCodeAt(0)] = value));
  for (const wrap of [0x0a, 0x0d, BACKSLASH]) values[wrap] = WRAPS;
  return { name, bits, starts, values };
}
