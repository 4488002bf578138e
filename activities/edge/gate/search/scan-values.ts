import type { Fingerprints } from './fingerprints.ts';
import { highWith, lowWith, NUMBERS } from './grams.ts';
import { toBits } from './scan-text.ts';

/** How a run of numbers may lie in a file: how far from one to the next, and one of them as float32 bits. */
interface Layout {
  readonly stride: number;
  bitsAt(view: DataView, at: number): number;
}

const FLOAT32: Layout = { stride: 4, bitsAt: (view, at) => view.getInt32(at, true) };
const FLOAT64: Layout = { stride: 8, bitsAt: (view, at) => toBits(view.getFloat64(at, true)) };
const INT32: Layout = { stride: 4, bitsAt: (view, at) => toBits(view.getInt32(at, true)) };
const INT64: Layout = { stride: 8, bitsAt: (view, at) => toBits(Number(view.getBigInt64(at, true))) };
const BIG32: Layout = { stride: 4, bitsAt: (view, at) => view.getInt32(at, false) };
const BIG64: Layout = { stride: 8, bitsAt: (view, at) => toBits(view.getFloat64(at, false)) };
/** A Python float in a list that was pickled: `G`, then the value, big end first. */
const PICKLED: Layout = { stride: 9, bitsAt: (view, at) => toBits(view.getFloat64(at, false)) };

/** Whether numbers of the inputs lie somewhere one after the other, as floats or integers, at any offset. */
export function holdsValues(fingerprints: Fingerprints, bytes: Buffer): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { begins, exponents } = fingerprints;
  for (let at = 0; at <= bytes.length - 16; at += 1) {
    const word = view.getInt32(at, true);
    if (word === 0) continue;
    const upper = view.getInt32(at + 4, true);
    const swapped = (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
    if (begins.has(word) && isRun(fingerprints, view, at, FLOAT32)) return true;
    if (begins.has(swapped) && isRun(fingerprints, view, at, BIG32)) return true;
    if (begins.has(toBits(word)) && isRun(fingerprints, view, at, INT32)) return true;
    if (exponents[(upper >>> 20) & 0x7ff] === 1 && begins.has(FLOAT64.bitsAt(view, at)))
      if (isRun(fingerprints, view, at, FLOAT64)) return true;
    if (exponents[(swapped >>> 20) & 0x7ff] === 1 && begins.has(BIG64.bitsAt(view, at)))
      if (isRun(fingerprints, view, at, BIG64) || isRun(fingerprints, view, at, PICKLED)) return true;
    if ((upper === 0 || upper === -1) && begins.has(INT64.bitsAt(view, at)))
      if (isRun(fingerprints, view, at, INT64)) return true;
  }
  return false;
}

function isRun(fingerprints: Fingerprints, view: DataView, at: number, { stride, bitsAt }: Layout): boolean {
  for (const count of NUMBERS) {
    if (at + stride * (count - 1) + Math.min(stride, 8) > view.byteLength) return false;
    let low: number = count;
    let high = ~count;
    for (let index = 0; index < count; index += 1) {
      const each = bitsAt(view, at + stride * index);
      low = lowWith(low, each);
      high = highWith(high, each);
    }
    if (fingerprints.has('numbers', low, high)) return true;
  }
  return false;
}
