import type { Format } from '../../../domain/verdict.ts';
import type { ByteSource } from './byte-source.ts';
import { ATTRIBUTE, MODEL, TENSOR } from './rewrite/onnx-messages.ts';
import { NoMessage, plainMessage } from './rewrite/protobuf.ts';
import { readZip } from './zip.ts';

/** A graph and its names are small beside its parameters, or small by themselves. */
const SMALL = 2 ** 20;

/**
 * Whether a model holds far more bytes than its parameters: twice as many, and a mebibyte. Of formats that tell the two apart
 * and do not measure them anyway, as safetensors do.
 */
export async function holdsExcess(format: Format, source: ByteSource): Promise<boolean> {
  if (source.bytes <= SMALL) return false;
  const parameters = format === 'onnx' ? await ofOnnx(source) : format === 'skops' ? await ofSkops(source) : undefined;
  return parameters !== undefined && source.bytes - parameters > 2 * parameters + SMALL;
}

/** Tensors’ values, and the numbers of attributes, in which forests stand. */
async function ofOnnx(source: ByteSource): Promise<number | undefined> {
  const counted = new Map([
    [TENSOR, new Set([4, 5, 7, 9, 10, 11])],
    [ATTRIBUTE, new Set([2, 3, 7, 8])],
  ]);
  let bytes = 0;
  try {
    await plainMessage(source, [0, source.bytes], MODEL, (message, parts) => {
      const fields = counted.get(message);
      for (const part of parts) if (fields?.has(part.number)) bytes += part.bytes;
      return true;
    });
    return bytes;
  } catch (error) {
    if (error instanceof NoMessage) return undefined;
    throw error;
  }
}

async function ofSkops(source: ByteSource): Promise<number | undefined> {
  const members = await readZip(source);
  return members?.filter(({ name }) => name.endsWith('.npy')).reduce((sum, { bytes }) => sum + bytes, 0);
}
