import { readFileSync } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import ignore from 'ignore';
import { shown } from '../../domain/validation.ts';
import type { Fault } from '../command-error.ts';

/** A regular file of the code folder. `path` is relative to the folder, with `/`. */
export interface CodeFile {
  readonly path: string;
  /** Where its bytes are: not the same place for what a link points to. */
  readonly source: string;
  readonly bytes: number;
  readonly executable: boolean;
}

export const MAX_CODE_BYTES = 2 ** 30;
const MAX_FILES = 50_000;

/** Never sent: git's store holds all that was ever ignored, and Python writes its cache differently each time. */
const NEVER = ['.git/', '__pycache__/'];

/**
 * The files of a code folder in code-unit order of their paths, without what `.amlignore` (else `.gitignore`) names, as
 * Azure ML has it. Links that stay inside are followed. Everything that cannot be sent is a fault.
 */
export async function listFiles(folder: string): Promise<{ files: CodeFile[]; faults: Fault[] }> {
  const root = await realpath(folder).catch(() => undefined);
  if (root === undefined || !(await stat(root)).isDirectory())
    return { files: [], faults: [{ path: 'code', rule: 'is no folder beside the job file', value: shown(folder) }] };
  const listing = { root, ignored: ignoreRules(root), files: [] as CodeFile[], faults: [] as Fault[] };
  await walk(listing, root, '', [root]);
  const bytes = listing.files.reduce((sum, file) => sum + file.bytes, 0);
  const tooMuch = [
    ...(bytes > MAX_CODE_BYTES ? [`is ${bytes} bytes, and at most 1 GiB is sent; list data in .amlignore`] : []),
    ...(listing.files.length > MAX_FILES ? [`has more than ${MAX_FILES} files; list some in .amlignore`] : []),
    ...(listing.files.length === 0 && listing.faults.length === 0 ? ['has no file to send'] : []),
  ];
  return {
    files: listing.files.sort((a, b) => (a.path < b.path ? -1 : 1)),
    faults: [...listing.faults, ...tooMuch.map((rule) => ({ path: 'code', rule, value: shown(folder) }))],
  };
}

interface Listing {
  readonly root: string;
  readonly ignored: (path: string) => boolean;
  readonly files: CodeFile[];
  readonly faults: Fault[];
}

/** `ancestors` are the true places of the folders above: a link to one of them is a circle. */
async function walk(listing: Listing, folder: string, prefix: string, ancestors: readonly string[]): Promise<void> {
  for (const name of await readdir(folder)) {
    if (listing.files.length > MAX_FILES) return;
    const path = prefix + name;
    const place = join(folder, name);
    const entry = await lstat(place);
    if (listing.ignored(entry.isDirectory() ? `${path}/` : path)) continue;
    const fault = (rule: string) => listing.faults.push({ path: 'code', rule, value: shown(path) });

    const source = entry.isSymbolicLink() ? await realpath(place).catch(() => undefined) : place;
    if (source === undefined) fault('is a link that points to nothing');
    else if (entry.isSymbolicLink() && !isInside(listing.root, source)) fault('is a link that leads out of the folder');
    else if (/[\p{Cc}\p{Surrogate}\\]/u.test(name) || name.includes('\ufffd'))
      fault('has a name with control characters, \\ or no UTF-8');
    else {
      const target = await stat(source);
      if (target.isFile())
        listing.files.push({ path, source, bytes: target.size, executable: (target.mode & 0o100) !== 0 });
      else if (!target.isDirectory()) fault('is neither a file nor a folder');
      else if (entry.isSymbolicLink() && ancestors.includes(source)) fault('is a link in a circle');
      else await walk(listing, source, `${path}/`, [...ancestors, source]);
    }
  }
}

function isInside(root: string, place: string): boolean {
  const way = relative(root, place);
  return way !== '..' && !way.startsWith(`..${sep}`);
}

function ignoreRules(root: string): (path: string) => boolean {
  const rules = ignore().add(NEVER);
  for (const name of ['.amlignore', '.gitignore']) {
    try {
      rules.add(readFileSync(join(root, name), 'utf8'));
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return (path) => rules.ignores(path);
}
