import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { DEFAULT_OUTPUT } from '../../domain/training-plan.ts';
import { ServiceError } from '../../services/errors.ts';

/** A file that a job left. `path` is relative to the folder that was walked, with `/`. */
export interface OutputFile {
  readonly path: string;
  readonly absolute: string;
  readonly bytes: number;
}

export interface Walk {
  readonly files: OutputFile[];
  /** Links, sockets, devices and pipes: counted, never followed, never opened. */
  readonly others: number;
}

export const jobFolder = (home: string, job: string): string => join(home, 'jobs', job);

/** Where an output is on the VM: `./outputs` of the working copy is the default output. */
export function outputFolder(home: string, job: string, output: string): string {
  return output === DEFAULT_OUTPUT
    ? join(jobFolder(home, job), 'work', 'outputs')
    : join(jobFolder(home, job), 'outputs', output);
}

/** Every output that the plan declares, and the default one. */
export function declaredOutputs(plan: TrainingPlan): string[] {
  return [...new Set([...plan.outputs.map(({ name }) => name), DEFAULT_OUTPUT])];
}

/**
 * The regular files below a path, in code-unit order. No link is followed at any depth, since a job may leave
 * `outputs/x → /etc/shadow`. An absent path has no files; a path that is itself a file is that one file.
 */
export async function walk(base: string, relative = ''): Promise<Walk> {
  const stat = await lstat(join(base, relative)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    return refuseClosed(error);
  });
  if (!stat) return { files: [], others: 0 };
  if (stat.isFile()) {
    const path = relative || (base.split('/').at(-1) ?? '');
    return { files: [{ path, absolute: join(base, relative), bytes: stat.size }], others: 0 };
  }
  if (!stat.isDirectory()) return { files: [], others: 1 };
  const names = (await readdir(join(base, relative)).catch(refuseClosed)).sort();
  const walks: Walk[] = [];
  for (const name of names) walks.push(await walk(base, relative ? `${relative}/${name}` : name));
  return { files: walks.flatMap(({ files }) => files), others: walks.reduce((sum, { others }) => sum + others, 0) };
}

/** Opens without following a link and without waiting on a pipe. @throws where it is no regular file any more. */
export async function openRegular(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(refuseClosed);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new Error('it is no regular file');
}

/** SHA-256 and size of a file's content, in 1 MiB reads. */
export async function digestFile(path: string): Promise<{ sha256: string; bytes: number }> {
  const file = await openRegular(path);
  try {
    const hash = createHash('sha256');
    const block = Buffer.allocUnsafe(2 ** 20);
    let bytes = 0;
    for (;;) {
      const { bytesRead } = await file.read(block, 0, block.length, bytes);
      if (bytesRead === 0) return { sha256: hash.digest('hex'), bytes };
      hash.update(block.subarray(0, bytesRead));
      bytes += bytesRead;
    }
  } finally {
    await file.close();
  }
}

/** The job's files are its group's to read, unless the script has seen to it that they are not. */
function refuseClosed(error: NodeJS.ErrnoException): never {
  if (error.code !== 'EACCES') throw error;
  throw new ServiceError({
    class: 'script',
    type: 'OutputClosed',
    cause: 'The script left a file or a folder among its outputs that only itself may read.',
    nextStep: 'Let the script make its outputs readable for its group (chmod g+rX), and start the run again.',
    retryable: false,
  });
}
