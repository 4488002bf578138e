import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Artifact } from '../../domain/release.ts';
import { refused } from '../command-error.ts';
import { cut, printable } from '../show/text.ts';

/**
 * Every way in which a folder is not exactly these files: one missing, one too many, another size or content, a link or
 * device. Folders count by what is in them. @throws CommandError exit 2 for a folder that cannot be read
 */
export async function compareArtifacts(folder: string, artifacts: readonly Artifact[]): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => {
    const fault = { path: '--artifacts', rule: 'must be a folder that you may read' };
    throw refused('The files cannot be compared.', [fault], 'Name the folder that the model’s files are in.');
  });
  const found = new Map(
    entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => [relative(folder, join(entry.parentPath, entry.name)), entry.isFile()]),
  );
  const named = new Set(artifacts.map(({ path }) => path));
  const faults = [...found.keys()].filter((path) => !named.has(path)).map((path) => `${shown(path)} is not in it`);
  for (const artifact of artifacts) {
    const fault = found.has(artifact.path) ? await difference(folder, artifact) : 'is missing';
    if (fault !== undefined) faults.push(`${shown(artifact.path)} ${fault}`);
  }
  return faults;
}

/** Opened without following a link or waiting for a pipe, and read as a stream. */
async function difference(folder: string, { path, bytes, sha256 }: Artifact): Promise<string | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(join(folder, path), flags).catch(() => undefined);
  if (!handle) return 'is no file that can be read';
  try {
    const status = await handle.stat();
    if (!status.isFile()) return 'is no regular file';
    if (status.size !== bytes) return `has ${status.size} bytes instead of ${bytes}`;
    const hash = createHash('sha256');
    for await (const chunk of handle.createReadStream({ autoClose: false })) hash.update(chunk as Buffer);
    return hash.digest('hex') === sha256 ? undefined : 'has another content';
  } finally {
    await handle.close();
  }
}

const shown = (path: string): string => cut(printable(path), 80);
