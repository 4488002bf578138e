import { chunksOf, type Rewriter } from './new-file.ts';
import { MODEL, TENSOR, type Message } from './onnx-messages.ts';
import { NoMessage, plainMessage, type Part } from './protobuf.ts';

/** An ONNX model without what it does not compute with; tensors must have the bytes that their type and shape say, and no more. */
export const rewriteOnnx: Rewriter = async (source) => {
  try {
    return chunksOf(source, await plainMessage(source, [0, source.bytes], MODEL, isWhole));
  } catch (error) {
    if (error instanceof NoMessage) return undefined;
    throw error;
  }
};

const isWhole = (message: Message, parts: readonly Part[]): boolean => message !== TENSOR || isMeasured(parts);

/** Bytes of one value as `raw_data` has them, by `TensorProto.DataType`; half of one for the types of 4 bits. */
const WIDTH: Readonly<Record<number, number>> = {
  ...{ 1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2 },
  ...{ 17: 1, 18: 1, 19: 1, 20: 1, 21: 0.5, 22: 0.5, 23: 0.5, 24: 1, 25: 0.25, 26: 0.25 },
};
const STRINGS = 8;
/** Fields of values, with the bytes that one value has at most. */
const VALUES = { float: 4, int32: 5, string: 6, int64: 7, raw: 9, double: 10, uint64: 11 } as const;

/** Values of one kind, no more than the shape says. */
function isMeasured(parts: readonly Part[]): boolean {
  const type = numbersOf(parts, 2)[0] ?? 0;
  const values = numbersOf(parts, 1).reduce((all, size) => all * size, 1);
  const bytes = (field: number) =>
    parts.filter(({ number }) => number === field).reduce((sum, part) => sum + part.bytes, 0);
  const filled = Object.values(VALUES).filter((field) => bytes(field) > 0);
  const [field] = filled;
  if (filled.length > 1) return false;
  if (field === undefined) return true;
  const width = WIDTH[type];
  if (field === VALUES.raw) return width !== undefined && bytes(field) === Math.ceil(values * width);
  if (field === VALUES.string) return type === STRINGS && countOf(parts, field) === values;
  const parted = type === 14 || type === 15 ? 2 : 1; // a complex number is two
  if (field === VALUES.float) return bytes(field) === values * parted * 4;
  if (field === VALUES.double) return bytes(field) === values * parted * 8;
  return bytes(field) <= values * 10;
}

const numbersOf = (parts: readonly Part[], field: number): number[] =>
  parts.filter(({ number }) => number === field).flatMap(({ numbers }) => numbers);

const countOf = (parts: readonly Part[], field: number): number =>
  parts.filter(({ number }) => number === field).reduce((sum, { count }) => sum + count, 0);
