import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { constants, futimesSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { ImageRefused } from './image-refused.ts';
import type { TarEntry, TarHandler } from './tar-reader.ts';

/** What an image may unfold to; more is a bomb. */
export interface TreeLimits {
  readonly bytes: number;
  readonly entries: number;
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
const MAX_LINKS = 40;
const MAX_PATH = 2048;

/**
 * A folder that the layers of an image are applied to, in their order (OCI image specification: layer.md). Its content is a
 * stranger's: every name is resolved inside the folder, links included, as in a root of its own; what is there is
 * replaced and never written through; devices, FIFOs, owners, set-ID bits and extended attributes are left out. All is readable by everyone,
 * since a container's process, which is root, could read it. @throws ImageRefused
 */
export class ImageTree implements TarHandler {
  readonly #root: string;
  readonly #limits: TreeLimits;
  #bytes = 0;
  #entries = 0;
  #open: { descriptor: number; mtime: number } | undefined;
  /** Of the layer that is being applied: an opaque folder hides what lies below, and not this. */
  #ofLayer = new Set<string>();

  /** `root`: an empty folder. Nobody else may write to it meanwhile. */
  constructor(root: string, limits: TreeLimits) {
    this.#root = root;
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  beginLayer(): void {
    this.#ofLayer = new Set();
  }

  entry(entry: TarEntry): void {
    this.#bytes += entry.bytes;
    this.#entries += 1;
    if (this.#bytes > this.#limits.bytes) throw new ImageRefused(`it unfolds to more than ${this.#limits.bytes} bytes`);
    if (this.#entries > this.#limits.entries)
      throw new ImageRefused(`it holds more than ${this.#limits.entries} names`);
    const parts = partsOf(entry.path);
    const name = parts.pop();
    if (name === undefined) return; // the root itself
    if (name.startsWith(WHITEOUT)) return this.#whiteOut(parts, name);
    if (entry.type === 'special') return;
    const path = join(this.#folder(parts), name);
    this.#add(path, entry);
    this.#ofLayer.add(path);
  }

  data(bytes: Buffer): void {
    if (!this.#open) return;
    for (let at = 0; at < bytes.length;) at += writeSync(this.#open.descriptor, bytes, at);
  }

  done(): void {
    if (!this.#open) return;
    const { descriptor, mtime } = this.#open;
    this.#open = undefined;
    // Python compares it with what a compiled file says of its source.
    futimesSync(descriptor, mtime, mtime);
    closeSync(descriptor);
  }

  /** Closes what a layer that broke off left open. */
  close(): void {
    if (this.#open) closeSync(this.#open.descriptor);
    this.#open = undefined;
  }

  /** The file that a path names inside the tree, links resolved there; undefined where there is none. */
  find(path: string): Stats | undefined {
    const parts = partsOf(path);
    for (let links = 0; links <= MAX_LINKS; links++) {
      const name = parts.pop();
      const folder = this.#resolve(parts, false);
      if (folder === undefined || name === undefined) return undefined;
      const found = statOf(join(this.#root, ...folder, name));
      if (!found?.isSymbolicLink()) return found;
      const target = readlinkSync(join(this.#root, ...folder, name));
      parts.splice(0, parts.length, ...inside(folder, target));
    }
    return undefined;
  }

  #add(path: string, { type, target, mode, mtime }: TarEntry): void {
    const there = statOf(path);
    if (type === 'folder') {
      if (there?.isDirectory()) return;
      if (there) this.#remove(path);
      mkdirSync(path, 0o755);
      return;
    }
    const source = type === 'link' ? this.#linked(target) : undefined;
    // A second name of itself: removing it would remove both.
    if (source === path) return;
    if (there) this.#remove(path);
    if (type === 'symlink') symlinkSync(target, path);
    else if (source !== undefined) linkSync(source, path);
    else this.#open = { descriptor: openSync(path, CREATE, (mode & 0o111) === 0 ? 0o644 : 0o755), mtime };
  }

  /** A hard link's other name, which is a file or a symlink of the tree, and not what such a symlink names. */
  #linked(target: string): string {
    const parts = partsOf(target);
    const name = parts.pop();
    const folder = name === undefined ? undefined : this.#resolve(parts, false);
    const path = folder && join(this.#root, ...folder, name!);
    const found = path === undefined ? undefined : statOf(path);
    if (path === undefined || !found || found.isDirectory())
      throw new ImageRefused('it holds a hard link to what is not there');
    return path;
  }

  #whiteOut(parts: readonly string[], name: string): void {
    const folder = this.#resolve(parts, false);
    if (folder === undefined) return;
    const path = join(this.#root, ...folder);
    if (name === OPAQUE) return this.#hideBelow(path);
    if (name.startsWith(`${WHITEOUT}${WHITEOUT}`)) return; // AUFS's own
    const hidden = name.slice(WHITEOUT.length);
    if (hidden === '' || hidden === '.' || hidden === '..') throw new ImageRefused('a whiteout in it names no file');
    this.#remove(join(path, hidden));
  }

  #hideBelow(folder: string): void {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (!this.#ofLayer.has(path)) this.#remove(path);
      else if (statOf(path)?.isDirectory()) this.#hideBelow(path);
    }
  }

  #remove(path: string): void {
    rmSync(path, { recursive: true, force: true });
  }

  /** The folder that these names lead to, made where it is missing. */
  #folder(parts: readonly string[]): string {
    return join(this.#root, ...(this.#resolve(parts, true) ?? []));
  }

  /** As the kernel would in a root of its own: `..` ends at the root, an absolute link begins there. */
  #resolve(parts: readonly string[], make: boolean): string[] | undefined {
    const queue = [...parts];
    let at: string[] = [];
    for (let links = 0; queue.length > 0;) {
      const name = queue.shift()!;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        at.pop();
        continue;
      }
      const path = join(this.#root, ...at, name);
      const found = statOf(path);
      if (found?.isSymbolicLink()) {
        if (++links > MAX_LINKS) throw new ImageRefused('its links go round in a circle');
        const target = readlinkSync(path);
        if (target.startsWith('/')) at = [];
        queue.unshift(...target.split('/'));
        continue;
      }
      if (found && !found.isDirectory()) {
        if (!make) return undefined;
        throw new ImageRefused('it holds a name below what is no folder');
      }
      if (!found) {
        if (!make) return undefined;
        mkdirSync(path, 0o755);
        this.#ofLayer.add(path);
      }
      at.push(name);
    }
    return at;
  }
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** The names of a path from the image's root; an absolute one begins there too. */
function partsOf(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new ImageRefused('a path in it leaves its root');
  if (Buffer.byteLength(path) > MAX_PATH || parts.some((part) => Buffer.byteLength(part) > 255)) {
    throw new ImageRefused('a name in it is too long');
  }
  return parts;
}

/** A link's target from the root, `..` resolved as far as the root. */
function inside(folder: readonly string[], target: string): string[] {
  const at = target.startsWith('/') ? [] : [...folder];
  for (const part of target.split('/')) {
    if (part === '..') at.pop();
    else if (part !== '' && part !== '.') at.push(part);
  }
  return at;
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
