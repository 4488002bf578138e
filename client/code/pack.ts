import { createHash } from 'node:crypto';
import { constants, createWriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack as tar, type Pack } from 'tar-stream';
import type { CodeAsset } from '../../domain/code-asset.ts';
import { shown } from '../../domain/validation.ts';
import { refused } from '../command-error.ts';
import { MAX_CODE_BYTES, type CodeFile } from './list-files.ts';

/** A packed code folder in a file of its own; `remove` when done with it. */
export interface PackedCode extends AsyncDisposable {
  readonly asset: CodeAsset;
  readonly file: string;
  /** Before packing. */
  readonly unpackedBytes: number;
}

/**
 * One reproducible tar.gz: the files in the order given, no times, no owners, modes 0644 or 0755. The same content has
 * the same digest on every machine with this Node.
 */
export async function packCode(files: readonly CodeFile[]): Promise<PackedCode> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-train-code-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const file = join(folder, 'code.tar.gz');
    const { digest, bytes } = await write(files, file);
    if (bytes > MAX_CODE_BYTES) throw changed('the folder');
    return {
      asset: { digest, bytes, files: files.length },
      file,
      unpackedBytes: files.reduce((sum, each) => sum + each.bytes, 0),
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function write(files: readonly CodeFile[], file: string): Promise<{ digest: string; bytes: number }> {
  const archive = tar();
  const hash = createHash('sha256');
  let bytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _, next) {
      hash.update(chunk);
      bytes += chunk.length;
      next(null, chunk);
    },
  });
  const written = pipeline(
    archive as unknown as Readable,
    createGzip({ level: 6 }),
    counted,
    createWriteStream(file, { flags: 'wx', mode: 0o600 }),
  );
  await Promise.all([written, addAll(archive, files).catch((error: Error) => archive.destroy(error))]);
  return { digest: hash.digest('hex'), bytes };
}

async function addAll(archive: Pack, files: readonly CodeFile[]): Promise<void> {
  for (const file of files) await add(archive, file);
  archive.finalize();
}

/** A file that was swapped for a link, a device or another size since it was listed is not sent. */
async function add(archive: Pack, file: CodeFile): Promise<void> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(file.source, flags).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EACCES' ? unreadable(file.path) : changed(file.path);
  });
  try {
    const status = await handle.stat();
    if (!status.isFile() || status.size !== file.bytes) throw changed(file.path);
    const mode = file.executable ? 0o755 : 0o644;
    const header = {
      name: file.path,
      size: file.bytes,
      mode,
      mtime: new Date(0),
      uid: 0,
      gid: 0,
      type: 'file',
    } as const;
    const entry = archive.entry(header, () => undefined);
    if (file.bytes === 0) entry.end(Buffer.alloc(0));
    else await pipeline(handle.createReadStream({ autoClose: false, end: file.bytes - 1 }), entry);
  } catch (error) {
    throw /size mismatch/i.test(String(error)) ? changed(file.path) : error;
  } finally {
    await handle.close();
  }
}

function changed(path: string) {
  const fault = { path: 'code', rule: 'changed while it was packed', value: shown(path) };
  return refused(
    'The code folder cannot be packed.',
    [fault],
    'Run the command again when nothing changes the folder.',
  );
}

function unreadable(path: string) {
  const fault = { path: 'code', rule: 'may not be read by you', value: shown(path) };
  return refused('The code folder cannot be packed.', [fault], 'Make it readable, or list it in .amlignore.');
}
