import type { Fingerprints } from './fingerprints.ts';

/** Bytes of a file that is no text that make it one. */
export const WINDOW = 32;
const FACTOR = 0x01000193;
const OUT = power(FACTOR, WINDOW - 1);

/** A window at each of these bytes of an input; a file’s first ones are its format’s, and many have them. */
const EVERY = 512;

/** Fingerprints of an input that is no text. `from` is where in the file these bytes are. */
export function collectBlocks(fingerprints: Fingerprints, bytes: Buffer, from: number, every = 1): void {
  for (let at = (EVERY - (from % EVERY)) % EVERY; at + WINDOW <= bytes.length; at += EVERY * every) {
    if (from + at < EVERY) continue;
    const window = bytes.subarray(at, at + WINDOW);
    if (new Set(window).size >= 12) {
      const low = rolled(window);
      fingerprints.add('block', low, confirm(window), low);
    }
  }
}

/** Whether a window of an input is somewhere in these bytes. */
export function holdsBlock(fingerprints: Fingerprints, bytes: Buffer): boolean {
  if (bytes.length < WINDOW) return false;
  let hash = rolled(bytes.subarray(0, WINDOW));
  for (let at = 0; ; at += 1) {
    if (fingerprints.begins.has(hash) && fingerprints.has('block', hash, confirm(bytes.subarray(at, at + WINDOW))))
      return true;
    if (at + WINDOW >= bytes.length) return false;
    hash = (Math.imul(hash - Math.imul(bytes[at] as number, OUT), FACTOR) + (bytes[at + WINDOW] as number)) | 0;
  }
}

function rolled(window: Uint8Array): number {
  let hash = 0;
  for (const byte of window) hash = (Math.imul(hash, FACTOR) + byte) | 0;
  return hash;
}

function confirm(window: Uint8Array): number {
  let hash = 0;
  for (const byte of window) hash = Math.imul((hash << 5) ^ (hash >>> 27) ^ byte, 0x7feb352d);
  return hash;
}

function power(base: number, exponent: number): number {
  let result = 1;
  for (let count = 0; count < exponent; count += 1) result = Math.imul(result, base);
  return result;
}
