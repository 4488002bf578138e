import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { refused, type CommandError } from '../command-error.ts';

const MIB = 2 ** 20;

/**
 * The text of a regular UTF-8 file of at most 1 MiB, or as many as the caller says; a byte order mark is dropped.
 * Opened without blocking and checked when open, so that neither a FIFO nor a swapped file can trick it.
 * @throws CommandError exit 2
 */
export async function readText(file: string, mebibytes = 1): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    throw refuse(file, WHY_NOT[error.code ?? ''] ?? `cannot be opened (${error.code ?? 'unknown error'})`);
  });
  try {
    const status = await handle.stat();
    if (!status.isFile())
      throw refuse(file, status.isDirectory() ? 'is a folder, not a file' : 'is not a regular file');
    if (status.size > mebibytes * MIB) throw refuse(file, `is larger than ${mebibytes} MiB (${status.size} bytes)`);
    return decode(file, await handle.readFile());
  } finally {
    await handle.close();
  }
}

const WHY_NOT: Record<string, string> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'may not be read by you',
  ELOOP: 'is a symbolic link in a circle',
  ENXIO: 'is not a regular file',
  ENAMETOOLONG: 'has too long a name',
};

function decode(file: string, bytes: Buffer): string {
  const mark = bytes.subarray(0, 2).toString('hex');
  if (mark === 'fffe' || mark === 'feff') throw refuse(file, 'is UTF-16; save it as UTF-8');
  if (bytes.includes(0)) throw refuse(file, 'contains a NUL byte; a file of text in UTF-8 is expected');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refuse(file, 'is not UTF-8');
  }
}

function refuse(file: string, rule: string): CommandError {
  return refused('The file cannot be used.', [{ path: file, rule }], 'Name a file that can be read.');
}
