/** What hears a text: its words, by two hashes and a length, and its numbers, as float32 bits with their digits. */
export interface Listener {
  /** Whether it wants to know how many digits of a number say something; 0 is told otherwise. */
  readonly countsDigits: boolean;
  word(low: number, high: number, length: number): void;
  number(bits: number, digits: number): void;
}

/**
 * Tells the words and numbers of a text, in order. A word is a run of letters, digits, hyphens and bytes from 0x80 on, in any
 * case; separators do not count, so that a row is the same in CSV, JSON and Python. A number is what stands by itself as
 * one; it is told at the precision of a float32, so that it is the same in text and in a tensor of either kind.
 */
export function scanText(bytes: Uint8Array, seeds: readonly [number, number], to: Listener): void {
  const end = bytes.length;
  let at = 0;
  while (at < end) {
    if (FOLDED[bytes[at] as number] === 0) {
      at += 1;
      continue;
    }
    const from = at;
    let [low, high] = seeds;
    let digits = 0;
    for (; at < end; at += 1) {
      const byte = FOLDED[bytes[at] as number] as number;
      if (byte === 0) break;
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul((high << 5) ^ (high >>> 27) ^ byte, 0x7feb352d);
      if (byte >= 48 && byte <= 57) digits += 1;
    }
    to.word(low, high, at - from);
    if (digits > 0) scanNumbers(bytes, from, at, digits === at - from, to);
  }
}

/** Lower case of what is in a word; 0 for what is not. */
const FOLDED = new Uint8Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  const isWord = /[A-Za-z0-9-]/.test(String.fromCharCode(byte)) || byte >= 0x80;
  FOLDED[byte] = isWord ? (byte >= 65 && byte <= 90 ? byte + 32 : byte) : 0;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 57;
const isPoint = (byte: number | undefined): boolean => byte === 46;

/** A number begins in a word, and its fraction is the next one: it is told where its first word is met. */
function scanNumbers(bytes: Uint8Array, from: number, to: number, isPlain: boolean, listener: Listener): void {
  const begin = bytes[from] === 45 ? from + 1 : from;
  if (!isDigit(bytes[begin])) return;
  const before = bytes[from - 1];
  if (isPoint(before) && isDigit(bytes[from - 2])) return; // the fraction of the number before it
  if (before === 95) return; // `feature_1`
  const hasFraction = isPoint(bytes[to]) && isDigit(bytes[to + 1]);
  if (isPlain && !hasFraction) {
    if (to - from > 15) return;
    let value = 0;
    for (let at = from; at < to; at += 1) value = value * 10 + ((bytes[at] as number) - 48);
    listener.number(toBits(value), value === 0 ? 0 : to - from);
    return;
  }
  let end = to;
  if (hasFraction) for (end = to + 1; end < bytes.length && FOLDED[bytes[end] as number] !== 0; end += 1);
  if (bytes[end - 1] === 101 && bytes[end] === 43) for (end += 1; isDigit(bytes[end]); end += 1); // 1e+20
  if (end - from > 40) return;
  const text = Buffer.prototype.latin1Slice.call(bytes, from, end);
  if (NUMBER.test(text)) listener.number(toBits(Number(text)), listener.countsDigits ? significant(text) : 0);
}

const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;

const significant = (text: string): number => text.replace(/e.*$/i, '').replace(/[-.]/g, '').replace(/^0+/, '').length;

const single = new Float32Array(1);
const singleBits = new Int32Array(single.buffer);

/** The bits of a value as a float32. */
export function toBits(value: number): number {
  single[0] = value;
  return singleBits[0] as number;
}
