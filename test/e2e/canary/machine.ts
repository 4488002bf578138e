import { createReadStream, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { docker, vmContainer, type Product } from '../product.ts';
import type { Needles } from './needles.ts';
import { sightings } from './sightings.ts';

const PIECE = 4 * 2 ** 20;
/** What is not on a disk. */
const PSEUDO = new Set(['/proc', '/sys', '/dev/pts', '/dev/mqueue', '/dev/hugepages']);

/** The first process of the VM as this machine numbers it: its root is the VM's disk. */
export async function firstProcess(product: Product): Promise<number> {
  const pid = await docker(product.info, 'inspect', '--format', '{{.State.Pid}}', await vmContainer(product));
  return Number(pid);
}

/** By what was seen, the paths of the regular files below a folder of the VM's in which it was, and how many were read. */
export async function searchDisk(
  pid: number,
  needles: Needles,
  below = '/',
): Promise<{ seen: Map<string, string[]>; files: number; bytes: number }> {
  const root = `/proc/${pid}/root`;
  const seen = new Map<string, string[]>();
  const looked = new Set<string>();
  let [files, bytes] = [0, 0];
  for (const path of regularFiles(root, below)) {
    // A folder tells of /dev/console what a terminal was mounted over.
    const status = lstatSync(join(root, path), { throwIfNoEntry: false });
    const inode = `${status?.dev} ${status?.ino}`;
    if (!status?.isFile() || looked.has(inode)) continue;
    looked.add(inode);
    for (const name of await sightings(contents(join(root, path), status.size), needles))
      seen.set(name, [...(seen.get(name) ?? []), path]);
    files += 1;
    bytes += status.size;
  }
  return { seen, files, bytes };
}

function* regularFiles(root: string, folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !PSEUDO.has(path)) yield* regularFiles(root, path);
    else if (entry.isFile()) yield path;
  }
}

/** Most files of a disk are small, and one read of one is many times faster than a stream. */
async function* contents(path: string, bytes: number): AsyncGenerator<Buffer> {
  if (bytes > PIECE) yield* createReadStream(path, { highWaterMark: PIECE }) as AsyncIterable<Buffer>;
  else yield readFileSync(path);
}

/** Processes of the VM whose command line has this in it. */
export function processesOf(pid: number, what: RegExp): number[] {
  const root = identity(pid);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && identity(Number(name)) === root)
    .filter((name) => what.test(readOr(`/proc/${name}/cmdline`)))
    .map(Number);
}

/** What is seen in all that a process has in memory, and how many bytes that is. */
export async function searchMemory(pid: number, needles: Needles): Promise<{ seen: Set<string>; bytes: number }> {
  const seen = new Set<string>();
  let bytes = 0;
  const memory = await open(`/proc/${pid}/mem`, 'r');
  try {
    for (const [from, to] of readable(readFileSync(`/proc/${pid}/maps`, 'utf8'))) {
      for (const name of await sightings(
        stretch(memory, from, to, (read) => (bytes += read)),
        needles,
      ))
        seen.add(name);
    }
  } finally {
    await memory.close();
  }
  return { seen, bytes };
}

function readable(maps: string): [number, number][] {
  return maps
    .split('\n')
    .map((line) => /^([0-9a-f]+)-([0-9a-f]+) r\S* \S+ \S+ \S+\s*(.*)$/.exec(line))
    .filter((match) => match !== null && !/^\[v/.test(match[3] ?? ''))
    .map((match) => [parseInt(match?.[1] ?? '', 16), parseInt(match?.[2] ?? '', 16)]);
}

async function* stretch(
  memory: Awaited<ReturnType<typeof open>>,
  from: number,
  to: number,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for (let at = from; at < to;) {
    const buffer = Buffer.alloc(Math.min(PIECE, to - at));
    // What was given back meanwhile cannot be read.
    const { bytesRead } = await memory.read(buffer, 0, buffer.length, at).catch(() => ({ bytesRead: 0 }));
    if (bytesRead === 0) return;
    count(bytesRead);
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Which disk a process has as its root; none where it has ended. */
function identity(pid: number): string | undefined {
  try {
    const { dev, ino } = statSync(`/proc/${pid}/root/`);
    return `${dev} ${ino}`;
  } catch {
    return undefined;
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
