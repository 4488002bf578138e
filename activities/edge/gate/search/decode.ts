import { inflateRawSync, constants } from 'node:zlib';

/** What one stream may unpack to. */
const LARGEST = 32 * 2 ** 20;
/** Streams of a piece that are unpacked; a file has no honest reason for more. */
const MOST_STREAMS = 2000;

export interface Decoded {
  readonly parts: Buffer[];
  /** Something unpacks to more than is looked through. */
  readonly tooMuch: boolean;
}

/** What lies in these bytes in another form: base64, hex, UTF-16, escapes of JSON and of URLs, gzip, zlib and zip. */
export function decode(bytes: Buffer, { isPiece, isBinary }: { isPiece: boolean; isBinary: boolean }): Decoded {
  const text = bytes.toString('latin1');
  const parts = [...fromBase64(text), ...fromHex(text), ...fromUtf16(text), ...(isBinary ? [] : fromEscapes(text))];
  const unpacked = inflate(bytes, isPiece);
  return { parts: [...parts, ...unpacked.parts], tooMuch: unpacked.tooMuch };
}

const BREAK = String.raw`(?:\r?\n|\\r|\\n)`;
const BASE64 = new RegExp(`[A-Za-z0-9+/_-]{16,}(?:${BREAK}+[A-Za-z0-9+/_-]{4,})*`, 'g');

/** At each of the four places in a group where it may begin: a letter before it may belong to something else. */
function fromBase64(text: string): Buffer[] {
  const parts: Buffer[] = [];
  for (const run of text.match(BASE64) ?? []) {
    if (isDigits(run)) continue; // of a number, and no base64
    const letters = run.replace(/\\r|\\n|[\r\n]/g, '');
    if (isDigits(letters) || (letters.length < 24 && !/\d/.test(letters))) continue; // a short word of letters is none either
    for (const from of [0, 1, 2, 3]) parts.push(Buffer.from(letters.slice(from), 'base64'));
  }
  return parts;
}

const HEX = /(?:[0-9A-Fa-f]{2}){8,}|(?:(?:\\x|0x|%)[0-9A-Fa-f]{2}[,\s]{0,2}){6,}|(?:[0-9A-Fa-f]{2}[ :\n]){8,}/g;

function fromHex(text: string): Buffer[] {
  const parts: Buffer[] = [];
  for (const run of text.match(HEX) ?? []) {
    if (isDigits(run) && !/^(?:3\d)+\d?$|^\d(?:3\d)+\d?$/.test(run)) continue; // a number, and no digits in hex
    const digits = run.replace(/\\x|0x|[^0-9A-Fa-f]/g, '');
    parts.push(Buffer.from(digits, 'hex'), Buffer.from(digits.slice(1), 'hex'));
  }
  return parts;
}

function isDigits(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

/** Of either order: what is between the zeros. */
function fromUtf16(text: string): Buffer[] {
  return (text.match(/(?:[\x20-\x7e\t\r\n]\0){6,}/g) ?? []).map((run) =>
    Buffer.from(run.replaceAll('\0', ''), 'latin1'),
  );
}

function fromEscapes(text: string): Buffer[] {
  if (!/\\u00[2-7]|%[2-7][0-9A-Fa-f]/.test(text)) return [];
  const plain = text.replace(/\\u00([2-7][0-9A-Fa-f])|%([2-7][0-9A-Fa-f])/g, (_, json: string, url: string) =>
    String.fromCharCode(parseInt(json ?? url, 16)),
  );
  return [Buffer.from(plain, 'latin1')];
}

/** By their first bytes, without their sums: a stream whose sum was broken on purpose unpacks all the same. */
function inflate(bytes: Buffer, isPiece: boolean): Decoded {
  const parts: Buffer[] = [];
  let tooMuch = false;
  const starts = [...(isPiece ? [0] : []), ...gzips(bytes), ...zlibs(bytes), ...zips(bytes)];
  for (const start of starts.slice(0, MOST_STREAMS)) {
    const unpacked = inflated(bytes.subarray(start));
    if (unpacked === 'too much') tooMuch = true;
    else if (unpacked && unpacked.length >= 6) parts.push(unpacked);
  }
  return { parts, tooMuch: tooMuch || starts.length > MOST_STREAMS };
}

function inflated(bytes: Buffer): Buffer | 'too much' | undefined {
  try {
    return inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: LARGEST });
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too much' : undefined;
  }
}

function* places(bytes: Buffer, magic: Buffer): Generator<number> {
  for (let at = bytes.indexOf(magic); at !== -1; at = bytes.indexOf(magic, at + 1)) yield at;
}

const GZIP = Buffer.from([0x1f, 0x8b, 8]);

function* gzips(bytes: Buffer): Generator<number> {
  for (const at of places(bytes, GZIP)) {
    const flags = bytes[at + 3] ?? 0;
    let from = at + 10;
    if (flags & 4) from += 2 + ((bytes[from] ?? 0) | ((bytes[from + 1] ?? 0) << 8));
    for (const flag of [8, 16]) if (flags & flag) from = bytes.indexOf(0, from) + 1 || bytes.length;
    yield from + (flags & 2 ? 2 : 0);
  }
}

const ZLIB = [0x01, 0x5e, 0x9c, 0xda].map((second) => Buffer.from([0x78, second]));

function* zlibs(bytes: Buffer): Generator<number> {
  for (const magic of ZLIB) for (const at of places(bytes, magic)) if (isDeflate(bytes[at + 2])) yield at + 2;
}

/** The first block is of a known kind (RFC 1951, 3.2.3): spares most starts that are none. */
const isDeflate = (byte: number | undefined): boolean => byte !== undefined && (byte & 6) !== 6 && (byte & 7) !== 0;

const ZIP = Buffer.from('PK\x03\x04', 'latin1');

function* zips(bytes: Buffer): Generator<number> {
  for (const at of places(bytes, ZIP)) {
    if (at + 30 <= bytes.length && bytes.readUInt16LE(at + 8) === 8)
      yield at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28);
  }
}
