import type { ByteSource } from '../byte-source.ts';

/** A file that is written anew, in pieces; undefined where the old one is not what its format says, which keeps it on site. */
export type Rewriter = (source: ByteSource) => Promise<AsyncIterable<Buffer> | undefined>;

/** Bytes of the new file: made ones, or a stretch of the old file. */
export type Piece = Buffer | { readonly from: number; readonly length: number };

const STEP = 2 ** 20;

export async function* chunksOf(source: ByteSource, pieces: Iterable<Piece>): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    if (Buffer.isBuffer(piece)) yield piece;
    else yield* stretch(source, piece);
  }
}

export const lengthOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

async function* stretch(
  source: ByteSource,
  { from, length }: { from: number; length: number },
): AsyncGenerator<Buffer> {
  for (let at = 0; at < length; at += STEP) {
    // A copy: what a source answers may be a view that its next answer overwrites.
    yield Buffer.from(await source.read(from + at, Math.min(STEP, length - at)));
  }
}

/** A text that is read and written whole. */
export function textRewriter(rewrite: (text: string) => Iterable<Buffer> | undefined): Rewriter {
  return async (source) => {
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(await source.read(0, source.bytes));
    const made = rewrite(text);
    return made && inOrder(made);
  };
}

async function* inOrder(chunks: Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* chunks;
}
