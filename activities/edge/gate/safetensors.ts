import type { ByteSource } from './byte-source.ts';
import type { Fault } from './finding.ts';

/** Bits of a value (huggingface/safetensors, `Dtype`). */
const BITS: Readonly<Record<string, number>> = {
  ...{ BOOL: 8, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, I16: 16, U16: 16, F16: 16, BF16: 16 },
  ...{ I32: 32, U32: 32, F32: 32, F64: 64, I64: 64, U64: 64 },
};
const LARGEST_HEADER = 16 * 2 ** 20;

/**
 * Undefined for tensors that fill the file, from the header's end to the last byte, with no gap and no overlap, each as
 * long as its type and shape say.
 */
export async function safetensorsFault(source: ByteSource): Promise<Fault | undefined> {
  const read = await readTensors(source);
  if (!read) return 'not-whole';
  let end = 0;
  for (const {
    dtype,
    shape,
    data_offsets: [from, to],
  } of Object.values(read.tensors).sort((a, b) => a.data_offsets[0] - b.data_offsets[0])) {
    if (
      !(dtype in BITS) ||
      from !== end ||
      to - from !== (shape.reduce((all, size) => all * size, 1) * bitsOf(dtype)) / 8
    )
      return 'not-whole';
    end = to;
  }
  return read.from + end === source.bytes ? undefined : read.from + end < source.bytes ? 'trailing-bytes' : 'not-whole';
}

/** Bits of one value; 0 of a type that is not known. */
export const bitsOf = (dtype: string): number => BITS[dtype] ?? 0;

/** What the header says, and where the tensors begin. Nothing is said of whether they fill the file. */
export async function readTensors(source: ByteSource): Promise<Tensors | undefined> {
  const length = await headerLength(source);
  return length === undefined ? undefined : readHeader(await source.read(8, length), 8 + length);
}

export async function looksLikeSafetensors(source: ByteSource): Promise<boolean> {
  return (await headerLength(source)) !== undefined && (await source.read(8, 2)).toString('latin1') === '{"';
}

async function headerLength(source: ByteSource): Promise<number | undefined> {
  const head = await source.read(0, 8);
  if (head.length < 8 || head.readUInt32LE(4) !== 0) return undefined;
  const length = head.readUInt32LE(0);
  return length >= 2 && length <= LARGEST_HEADER && 8 + length <= source.bytes ? length : undefined;
}

interface Tensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

interface Tensors {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  readonly from: number;
}

function readHeader(bytes: Buffer, from: number): Tensors | undefined {
  try {
    const { __metadata__: metadata, ...tensors } = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(bytes),
    ) as Record<string, unknown>;
    const all = Object.values(tensors);
    if (all.length === 0 || !all.every(isTensor)) return undefined;
    return { from, tensors: tensors as Record<string, Tensor>, metadata: metadata as Tensors['metadata'] };
  } catch {
    return undefined;
  }
}

function isTensor(value: unknown): value is Tensor {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const areSizes = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((each) => Number.isSafeInteger(each) && each >= 0);
  return typeof dtype === 'string' && areSizes(shape) && areSizes(offsets) && offsets.length === 2;
}
