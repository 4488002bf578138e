import { bitsOf, readTensors } from '../safetensors.ts';
import { chunksOf, type Rewriter } from './new-file.ts';

/** What loaders ask of the metadata: whose tensors these are. */
const FORMATS = new Set(['pt', 'np', 'tf', 'flax', 'jax', 'mlx', 'paddle']);

/** Tensors in the order that the format’s own writer has, wider types first and then by name, and of metadata the format alone. */
export const rewriteSafetensors: Rewriter = async (source) => {
  const read = await readTensors(source);
  if (!read) return undefined;
  const { from, tensors, metadata } = read;
  const sorted = Object.entries(tensors).sort(
    ([a, { dtype: one }], [b, { dtype: other }]) => bitsOf(other) - bitsOf(one) || (a < b ? -1 : 1),
  );
  let at = 0;
  const placed = sorted.map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]) => {
      const to = at + end - begin;
      const entry = [name, { dtype, shape, data_offsets: [at, to] }] as const;
      at = to;
      return entry;
    },
  );
  const format = metadata?.['format'];
  const kept = typeof format === 'string' && FORMATS.has(format) ? [['__metadata__', { format }] as const] : [];
  const text = Buffer.from(JSON.stringify(Object.fromEntries([...kept, ...placed])));
  const header = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeUInt32LE(header.length);
  const data = sorted.map(
    ([
      ,
      {
        data_offsets: [begin, end],
      },
    ]) => ({ from: from + begin, length: end - begin }),
  );
  return chunksOf(source, [length, header, ...data]);
};
