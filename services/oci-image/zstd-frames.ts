import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { createZstdDecompress } from 'node:zlib';

const ZSTD = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;

/** Whether a file begins as zstd does (RFC 8878: a frame, or one to be skipped). */
export function isZstd(head: Buffer): boolean {
  return head.readUInt32LE(0) === ZSTD || isSkippable(head);
}

/** What is in a zstd file, frame by frame: Node's own decompressor ends with the first one, and seekable layers have many. */
export async function* readZstd(path: string): AsyncIterable<Buffer> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    for (let at = 0; at < size;) {
      const head = await headAt(file, at);
      if (isSkippable(head)) {
        at += 8 + head.readUInt32LE(4);
        continue;
      }
      const frame = createZstdDecompress({ chunkSize: 2 ** 18 });
      const source = createReadStream(path, { start: at, highWaterMark: 2 ** 18 });
      source.on('error', (error) => frame.destroy(error));
      try {
        for await (const chunk of source.pipe(frame)) yield chunk as Buffer;
      } finally {
        source.destroy();
        frame.destroy();
      }
      // Of what was given to it, the bytes that it used.
      if (frame.bytesWritten === 0) return;
      at += frame.bytesWritten;
    }
  } finally {
    await file.close();
  }
}

const isSkippable = (head: Buffer): boolean => (head.readUInt32LE(0) & 0xfffffff0) >>> 0 === SKIPPABLE;

async function headAt(file: FileHandle, at: number): Promise<Buffer> {
  return (await file.read(Buffer.alloc(8), 0, 8, at)).buffer;
}
