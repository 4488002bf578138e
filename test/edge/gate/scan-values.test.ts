import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { collectRow } from '../../../activities/edge/gate/search/collect-row.ts';
import { Fingerprints } from '../../../activities/edge/gate/search/fingerprints.ts';
import { holdsValues } from '../../../activities/edge/gate/search/scan-values.ts';

/** What a row begins with, in the shapes that floating-point numbers come in; the next three tell it from others. */
const FIRST = ['1.2345678', '-0.000123456', '1.9999999999999998', '4.5e-45', '3.4e38', '1e-39', '123456789012'];
const REST = [7.125, 1234.5678, -88.4];

/** Where numbers lie between random bytes, at an offset that no array would have. */
function inBytes(
  values: readonly number[],
  write: (buffer: Buffer, value: number, at: number) => void,
  stride: number,
) {
  const bytes = randomBytes(4096);
  values.forEach((value, index) => write(bytes, value, 1001 + index * stride));
  return bytes;
}

for (const first of FIRST)
  test(`a row that begins with ${first} is found as float64 of either order, and pickled`, () => {
    const fingerprints = new Fingerprints();
    collectRow(fingerprints, Buffer.from([first, ...REST].join(',')));
    fingerprints.seal();
    assert.equal(fingerprints.size > 0, true);
    const values = [Number(first), ...REST];
    const forms = {
      little: inBytes(values, (buffer, value, at) => buffer.writeDoubleLE(value, at), 8),
      big: inBytes(values, (buffer, value, at) => buffer.writeDoubleBE(value, at), 8),
      pickled: inBytes(values, (buffer, value, at) => buffer.writeDoubleBE(value, at), 9),
    };
    for (const [form, bytes] of Object.entries(forms)) assert.ok(holdsValues(fingerprints, bytes), form);
    assert.equal(holdsValues(fingerprints, randomBytes(4096)), false);
  });
