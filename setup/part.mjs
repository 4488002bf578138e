import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Something that set-up brings into the tools folder.
 *
 * - `name`, `why`, `from`: told to the user before anything is done.
 * - `key`: changes when the part must be made anew (version, hash, recipe).
 * - `targets`: paths in the tools folder (or absolute) that are there when the part is.
 * - `programs`: system programs that `install` needs.
 * - `install`: makes the part in `scratch` (an empty folder on the same file system) and renames it to its place.
 * - `found`: whether the part is there although no stamp says so.
 *
 * @typedef {{ tools: string, scratch: string }} Place
 * @typedef {{ name: string, why: string, from: string, key: () => string | Promise<string>, targets: string[],
 *   programs?: string[], install: (place: Place) => Promise<void>, found?: () => boolean }} Part
 */

/**
 * Whether a part is there, complete and of the right version. Starts no program.
 * @param {Part} part
 * @param {string} tools
 */
export async function isInstalled(part, tools) {
  if (!part.targets.every((target) => existsSync(path.resolve(tools, target)))) return false;
  const stamped = await readFile(stampFile(part, tools), 'utf8').catch(() => '');
  const key = await part.key();
  if (stamped === key) return true;
  if (!part.found?.()) return false;
  await stamp(part, tools, key);
  return true;
}

/**
 * Installs a part. Interrupted at any moment, it leaves either the old state or the new one, and a folder under
 * `tmp/` that the next set-up removes: the stamp goes first and comes last, and what is installed comes by rename.
 * @param {Part} part
 * @param {string} tools
 */
export async function install(part, tools) {
  const key = await part.key();
  const scratch = path.join(tools, 'tmp', part.name.replaceAll('/', '-'));
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  await rm(stampFile(part, tools), { force: true });
  await part.install({ tools, scratch });
  await stamp(part, tools, key);
  await rm(scratch, { recursive: true, force: true });
}

/** @param {Part} part @param {string} tools @param {string} key */
async function stamp(part, tools, key) {
  const file = stampFile(part, tools);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(`${file}.new`, key);
  await rename(`${file}.new`, file);
}

/** @param {Part} part @param {string} tools */
function stampFile(part, tools) {
  return path.join(tools, 'stamps', part.name.replaceAll('/', '-'));
}

/**
 * Puts a file or folder in its place, whatever was there before.
 * @param {string} from on the same file system
 * @param {string} to
 */
export async function replace(from, to) {
  await mkdir(path.dirname(to), { recursive: true });
  await rm(to, { recursive: true, force: true });
  await rename(from, to);
}
