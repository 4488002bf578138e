import type { FileHandle } from 'node:fs/promises';

/** A file's bytes, read where they are wanted: what a recogniser holds in memory is its own choice. */
export interface ByteSource {
  readonly bytes: number;
  /** The bytes from `at` on, `length` of them or as many as there are. The answer may be a view: not to be written to. */
  read(at: number, length: number): Promise<Buffer>;
}

export function memorySource(content: Buffer): ByteSource {
  return { bytes: content.length, read: async (at, length) => content.subarray(at, at + length) };
}

/** What is searched for is no longer than this. */
const LONGEST_PATTERN = 64;

/** Whether one of a few short patterns is anywhere in these bytes. */
export async function containsAny(source: ByteSource, patterns: readonly Buffer[]): Promise<boolean> {
  const step = 2 ** 20;
  for (let at = 0; at < source.bytes; at += step) {
    const block = await source.read(at, step + LONGEST_PATTERN);
    if (patterns.some((pattern) => block.includes(pattern))) return true;
  }
  return false;
}

/** Small reads are answered from one block of the file. */
export function fileSource(file: FileHandle, bytes: number): ByteSource {
  const BLOCK = 2 ** 18;
  let block: Buffer = Buffer.alloc(0);
  let from = 0;
  const fill = async (at: number, length: number): Promise<Buffer> => {
    const wanted = Buffer.allocUnsafe(Math.max(0, Math.min(length, bytes - at)));
    let filled = 0;
    while (filled < wanted.length) {
      const { bytesRead } = await file.read(wanted, filled, wanted.length - filled, at + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return wanted.subarray(0, filled);
  };
  return {
    bytes,
    async read(at, length) {
      if (length > BLOCK) return fill(at, length);
      if (at < from || at + length > from + block.length) {
        from = at;
        block = await fill(at, BLOCK);
      }
      return block.subarray(at - from, at - from + length);
    },
  };
}
