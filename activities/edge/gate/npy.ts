import type { ByteSource } from './byte-source.ts';
import type { Fault } from './finding.ts';

const TYPE = String.raw`'[<>|=]?[biufcSU]\d{1,6}'`;
const FIELD = String.raw`\('\w{1,64}', ${TYPE}\)|\('', '\|V\d{1,4}'\)`;
/** `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`; of records, `[('left', '<i8'), ('', '|V4')]`, where `V` is filling. */
const HEADER = new RegExp(
  String.raw`^\{'descr': (${TYPE}|\[(?:(?:${FIELD}),? ?){1,200}\]), 'fortran_order': (True|False), 'shape': \(((?:\d+, ?)*\d*)\), ?\} *\n$`,
);

/** Undefined for one whole array of plain values in NumPy’s format (numpy.lib.format); arrays of objects are pickles. */
export async function npyFault(source: ByteSource): Promise<Fault | undefined> {
  const array = await readArray(source);
  if (!array) return 'not-whole';
  const rest = source.bytes - array.from;
  const bytes = array.values * array.fields.reduce((sum, field) => sum + field.bytes, 0);
  return rest === bytes ? undefined : rest > bytes ? 'trailing-bytes' : 'not-whole';
}

interface PlainArray {
  readonly descr: string;
  /** Of one value, in their order. */
  readonly fields: readonly { readonly bytes: number; readonly isFilling: boolean }[];
  readonly fortran: boolean;
  readonly shape: readonly number[];
  readonly values: number;
  /** Where its values begin. */
  readonly from: number;
}

/** What the header says of an array. */
export async function readArray(source: ByteSource): Promise<PlainArray | undefined> {
  const head = await source.read(0, 12);
  if (head.length < 12 || head.toString('latin1', 0, 6) !== '\x93NUMPY') return undefined;
  const [from, length] = head[6] === 1 ? [10, head.readUInt16LE(8)] : [12, head.readUInt32LE(8)];
  if (length > 65_536) return undefined;
  const match = HEADER.exec((await source.read(from, length)).toString('latin1'));
  if (!match) return undefined;
  const [, descr = '', order, sizes = ''] = match;
  const fields = [...descr.matchAll(/'[<>|=]?([biufcSUV])(\d{1,6})'/g)].map(([, kind, size]) => ({
    bytes: Number(size) * (kind === 'U' ? 4 : 1),
    isFilling: kind === 'V',
  }));
  const shape = sizes
    .split(',')
    .filter((each) => each.trim() !== '')
    .map(Number);
  const values = shape.reduce((all, each) => all * each, 1);
  return { descr, fields, fortran: order === 'True', shape, values, from: from + length };
}
