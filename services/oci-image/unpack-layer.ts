import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Readable, Writable } from 'node:stream';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { ImageRefused } from './image-refused.ts';
import type { ImageTree } from './image-tree.ts';
import { TarReader } from './tar-reader.ts';
import { isZstd, readZstd } from './zstd-frames.ts';

/**
 * Applies a layer, a file whose digest was verified, to the tree: gzip, zstd or plain by its first bytes. The tar must be
 * the one that the image's config names (`diffId`). @throws ImageRefused; the tree is then of no use
 */
export async function unpackLayer(
  file: string,
  tree: ImageTree,
  { diffId, maxBytes, signal }: { diffId: string; maxBytes: number; signal?: AbortSignal },
): Promise<void> {
  const hash = createHash('sha256');
  const reader = new TarReader(tree);
  let bytes = 0;
  tree.beginLayer();
  const sink = new Writable({
    highWaterMark: 2 ** 20,
    write(chunk: Buffer, _encoding, done) {
      try {
        bytes += chunk.length;
        if (bytes > maxBytes) throw new ImageRefused(`it unfolds to more than ${maxBytes} bytes`);
        hash.update(chunk);
        reader.push(chunk);
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
  try {
    await pipeline(await uncompressed(file), sink, signal ? { signal } : {});
    reader.end();
  } catch (error) {
    if (/^(Z_|ERR_ZSTD|ZSTD_)/.test((error as NodeJS.ErrnoException).code ?? ''))
      throw new ImageRefused('a layer is damaged');
    throw error;
  } finally {
    tree.close();
  }
  if (`sha256:${hash.digest('hex')}` !== diffId) throw new ImageRefused('a layer is not the one that its config names');
}

async function uncompressed(file: string): Promise<Readable> {
  const handle = await open(file);
  const head = (await handle.read(Buffer.alloc(8), 0, 8, 0)).buffer;
  await handle.close();
  if (isZstd(head)) return Readable.from(readZstd(file), { objectMode: false });
  const source = createReadStream(file, { highWaterMark: 2 ** 20 });
  if (head[0] !== 0x1f || head[1] !== 0x8b) return source;
  const gunzip = createGunzip({ chunkSize: 2 ** 18 });
  source.on('error', (error) => gunzip.destroy(error));
  return source.pipe(gunzip);
}
