import type { ByteSource } from './byte-source.ts';
import type { Fault } from './finding.ts';

/** `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }` */
const HEADER =
  /^\{'descr': '[<>|=]([biufcSU])(\d{1,6})', 'fortran_order': (?:True|False), 'shape': \(((?:\d+, ?)*\d*)\), ?\} *\n$/;

/** Undefined for one whole array of plain values in NumPy’s format (numpy.lib.format); arrays of objects are pickles. */
export async function npyFault(source: ByteSource): Promise<Fault | undefined> {
  const head = await source.read(0, 12);
  if (head.length < 12 || head.toString('latin1', 0, 6) !== '\x93NUMPY') return 'not-whole';
  const [from, length] = head[6] === 1 ? [10, head.readUInt16LE(8)] : [12, head.readUInt32LE(8)];
  if (length > 65_536) return 'not-whole';
  const match = HEADER.exec((await source.read(from, length)).toString('latin1'));
  if (!match) return 'not-whole';
  const [, kind, size, shape = ''] = match;
  const values = shape
    .split(',')
    .filter((each) => each.trim() !== '')
    .reduce((all, each) => all * Number(each), 1);
  const bytes = values * Number(size) * (kind === 'U' ? 4 : 1);
  const rest = source.bytes - from - length;
  return rest === bytes ? undefined : rest > bytes ? 'trailing-bytes' : 'not-whole';
}
