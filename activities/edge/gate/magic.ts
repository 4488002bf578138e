import { containsAny, type ByteSource } from './byte-source.ts';

/** First bytes of what packs others: gzip, bzip2, xz, zstd, 7z, rar, lz4, HDF5 as a container of anything. */
const PACKED = [
  '1f8b',
  '425a68',
  'fd377a585a00',
  '28b52ffd',
  '377abcaf271c',
  '526172211a07',
  '04224d18',
  '894844460d0a1a0a',
];

/** Whether a file begins as an archive or a compressed stream does. */
export async function looksCompressed(source: ByteSource, head: Buffer): Promise<boolean> {
  if (PACKED.some((magic) => head.toString('hex').startsWith(magic))) return true;
  // zlib (RFC 1950, 2.2): the method is 8, and both bytes together are a multiple of 31.
  if (
    head.length > 2 &&
    ((head[0] as number) & 15) === 8 &&
    (head[0] as number) >> 4 === 7 &&
    head.readUInt16BE(0) % 31 === 0
  )
    return true;
  return (await source.read(257, 5)).toString('latin1') === 'ustar';
}

/** joblib’s own class stands at the head of its pickles, before the first array. */
export const joblibSeen = (source: ByteSource): Promise<boolean> => containsAny(source, [JOBLIB]);

const JOBLIB = Buffer.from('NumpyArrayWrapper');
