import { crc32 } from 'node:zlib';
import type { ByteSource } from './byte-source.ts';
import type { Fault } from './finding.ts';

export const PNG = Buffer.from('89504e470d0a1a0a', 'hex');

/** Chunks of a picture as plotting libraries write it (PNG, third edition, 11). No private ones, no compressed text. */
const KNOWN = new Set('IHDR PLTE IDAT IEND tRNS cHRM gAMA sRGB sBIT bKGD pHYs tIME tEXt'.split(' '));
const LARGEST = 16 * 2 ** 20;

/** Undefined for one whole picture that ends with its last chunk. */
export async function pngFault(source: ByteSource): Promise<Fault | undefined> {
  if (!(await source.read(0, 8)).equals(PNG)) return 'not-whole';
  for (let at = 8; at < source.bytes;) {
    const head = await source.read(at, 8);
    if (head.length < 8) return 'not-whole';
    const length = head.readUInt32BE(0);
    const type = head.toString('latin1', 4, 8);
    if (length > LARGEST || at + 12 + length > source.bytes) return 'not-whole';
    if (!KNOWN.has(type) || (at === 8) !== (type === 'IHDR')) return 'not-whole';
    const chunk = await source.read(at + 4, length + 8);
    if (crc32(chunk.subarray(0, length + 4)) !== chunk.readUInt32BE(length + 4)) return 'not-whole';
    at += 12 + length;
    if (type === 'IEND') return at === source.bytes && length === 0 ? undefined : 'trailing-bytes';
  }
  return 'not-whole';
}
