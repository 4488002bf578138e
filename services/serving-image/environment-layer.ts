import { createReadStream } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TarFile } from '../oci-image/tar.ts';

/** Where packages are in the image. */
export const PACKAGES = 'opt/edge-train/packages';

/**
 * What `uv pip install --target` laid out, as files of a layer. Left out: `bin/`, whose scripts name this machine's
 * interpreter in their first line (packages are started by module), and with them their lines in each RECORD; the lock.
 */
export async function environmentFiles(folder: string): Promise<TarFile[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = names
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => !path.startsWith('bin/') && path !== '.lock' && !path.includes('/__pycache__/'));
  return Promise.all(paths.map((path) => toTarFile(folder, path)));
}

async function toTarFile(folder: string, path: string): Promise<TarFile> {
  const file = join(folder, path);
  const name = `${PACKAGES}/${path}`;
  if (/^[^/]+\.dist-info\/RECORD$/.test(path)) {
    const content = Buffer.from(withoutScripts(await readFile(file, 'utf8')));
    return { path: name, bytes: content.length, open: () => one(content) };
  }
  const { size, mode } = await stat(file);
  return { path: name, bytes: size, executable: (mode & 0o100) !== 0, open: () => readWhole(file, size) };
}

const withoutScripts = (record: string): string =>
  record
    .split('\n')
    .filter((line) => !/^(\.\.\/)*bin\//.test(line))
    .join('\n');

/** Most of ten thousand files are small: one read each is several times faster than a stream each. */
async function* readWhole(file: string, size: number): AsyncIterable<Buffer> {
  if (size > 4 * 2 ** 20) {
    yield* createReadStream(file, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>;
    return;
  }
  const handle = await open(file, 'r');
  try {
    yield await handle.readFile();
  } finally {
    await handle.close();
  }
}

async function* one(content: Buffer): AsyncIterable<Buffer> {
  yield content;
}
