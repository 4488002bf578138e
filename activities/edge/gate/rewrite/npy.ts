import { readArray } from '../npy.ts';
import { memorySource } from '../byte-source.ts';

/**
 * A plain array behind a header as NumPy writes it (numpy.lib.format, version 1.0), padded with spaces to 64 bytes. What fills
 * records up is zero.
 */
export async function plainArray(content: Buffer): Promise<Buffer | undefined> {
  const array = await readArray(memorySource(content));
  if (!array) return undefined;
  const { descr, fields, fortran, shape, from } = array;
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': ${descr}, 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${sizes}), }`;
  const padded = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  if (padded > 65_535) return undefined;
  const head = Buffer.alloc(10 + padded, ' ');
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(padded, 8);
  head.write(text, 10, 'latin1');
  head.write('\n', 10 + padded - 1);
  return Buffer.concat([head, withoutFilling(content.subarray(from), fields)]);
}

function withoutFilling(values: Buffer, fields: readonly { bytes: number; isFilling: boolean }[]): Buffer {
  const record = fields.reduce((sum, { bytes }) => sum + bytes, 0);
  if (record === 0 || !fields.some(({ isFilling }) => isFilling)) return values;
  const made = Buffer.from(values);
  let at = 0;
  for (const { bytes, isFilling } of fields) {
    if (isFilling) for (let each = at; each < made.length; each += record) made.fill(0, each, each + bytes);
    at += bytes;
  }
  return made;
}
