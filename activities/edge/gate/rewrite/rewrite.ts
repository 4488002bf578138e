import type { Format } from '../../../../domain/verdict.ts';
import { rewriteYaml } from '../../../../services/rewrite-yaml.ts';
import type { ByteSource } from '../byte-source.ts';
import { plainJson } from './json.ts';
import { textRewriter, type Rewriter } from './new-file.ts';
import { rewriteOnnx } from './onnx.ts';
import { rewritePng } from './png.ts';
import { plainRequirements } from './requirements.ts';
import { rewriteSafetensors } from './safetensors.ts';
import { rewriteSkops } from './skops.ts';

const REWRITERS: Partial<Record<Format, Rewriter>> = {
  json: textRewriter(plainJson),
  yaml: textRewriter((text) => inBytes(rewriteYaml(text))),
  requirements: textRewriter(plainRequirements),
  png: rewritePng,
  safetensors: rewriteSafetensors,
  onnx: rewriteOnnx,
  skops: rewriteSkops,
};

const inBytes = (text: string | undefined) => (text === undefined ? undefined : [Buffer.from(text)]);

/** Whether files of a format are written anew before they leave. The others cannot be: a pickle, a program. */
export const isRewritten = (format: Format): boolean => format in REWRITERS;

/**
 * A file as it may leave: what it computes or says is the same, and what carries nothing is gone. The same file gives the same
 * bytes. Undefined where it is not one whole file of its format.
 */
export async function rewrite(format: Format, source: ByteSource): Promise<AsyncIterable<Buffer> | undefined> {
  return REWRITERS[format]?.(source);
}
