import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';

/** Why an archive is not unpacked. */
export class ArchiveRefused extends Error {}

/** What an archive may unfold to: more is a bomb. */
const MAX_FILES = 100_000;
const MAX_BYTES = 4 * 2 ** 30;

/**
 * Unpacks a tar.gz into an empty folder: folders and regular files only, nothing outside it, no link.
 * @throws ArchiveRefused for what it holds; whatever was unpacked before stays for the caller to remove
 */
export async function unpackArchive(archive: string, folder: string): Promise<void> {
  const entries = extract();
  let files = 0;
  let bytes = 0;
  entries.on('entry', (header, entry, next) => {
    entry.on('error', () => undefined); // the pipeline below reports it; unheard, it would end the process
    files += 1;
    bytes += header.size ?? 0;
    const path = safePath(header.name);
    if (path === undefined) return next(new ArchiveRefused('a path in it leaves its folder'));
    if (files > MAX_FILES || bytes > MAX_BYTES) return next(new ArchiveRefused('it unfolds to too much'));
    if (header.type !== 'file' && header.type !== 'directory') {
      return next(new ArchiveRefused(`it holds a ${header.type ?? 'thing'}, which is neither file nor folder`));
    }
    // streamx’s streams are Node's in all that is used here, but not in their types.
    write(join(folder, path), header, entry as unknown as Readable).then(() => next(), next);
  });
  await pipeline(createReadStream(archive), createGunzip(), entries);
}

async function write(target: string, header: Header, entry: Readable): Promise<void> {
  if (header.type === 'directory') {
    await mkdir(target, { recursive: true, mode: 0o755 });
    entry.resume();
    return;
  }
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await pipeline(entry, createWriteStream(target, { flags: 'wx' }));
  await chmod(target, ((header.mode ?? 0) & 0o100) !== 0 ? 0o755 : 0o644);
}

function safePath(name: string): string | undefined {
  const parts = name
    .replace(/\/$/, '')
    .split('/')
    .filter((part) => part !== '.');
  if (name.startsWith('/') || name.includes('\0') || parts.length === 0) return undefined;
  return parts.some((part) => part === '' || part === '..') ? undefined : parts.join('/');
}
