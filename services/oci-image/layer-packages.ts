import { Transform, type TransformCallback, Readable, pipeline } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { z } from 'zod';
import type { Distribution, InstalledPackage } from '../../domain/installed-package.ts';
import type { BlobSource } from '../container-registry/blobs.ts';
import { readDpkgStatus, readOsRelease, readPythonMetadata } from './package-records.ts';
import { TarReader, type TarEntry, type TarHandler } from './tar-reader.ts';

const Package = z.strictObject({
  kind: z.enum(['deb', 'pypi']),
  name: z.string(),
  version: z.string(),
  architecture: z.string().optional(),
  licence: z.union([z.strictObject({ expression: z.string() }), z.strictObject({ name: z.string() })]).optional(),
});

/** What a layer says of packages, by the file that says so; null: the layer removes that file of a layer below. */
export const LayerPackages = z.strictObject({
  system: z.strictObject({ id: z.string(), version: z.string() }).optional(),
  files: z.record(z.string(), z.array(Package).nullable()),
});
export type LayerPackages = z.infer<typeof LayerPackages>;

/** What all layers of an image together hold: an upper one's file is instead of a lower one's of that name. */
export function packagesOf(layers: readonly LayerPackages[]): { system?: Distribution; packages: InstalledPackage[] } {
  const files = new Map<string, readonly InstalledPackage[]>();
  let system: Distribution | undefined;
  for (const layer of layers) {
    system = layer.system ?? system;
    for (const [path, packages] of Object.entries(layer.files)) {
      if (packages) files.set(path, packages as InstalledPackage[]);
      else files.delete(path);
    }
  }
  return { ...(system ? { system } : {}), packages: [...files.values()].flat() };
}

/** Reads a layer, packed or not, to its end. @throws ImageRefused for what is no tar */
export async function readLayerPackages(mediaType: string, bytes: AsyncIterable<Buffer>): Promise<LayerPackages> {
  const finder = new PackageFinder();
  const reader = new TarReader(finder);
  for await (const chunk of unpacked(mediaType, bytes)) reader.push(chunk);
  reader.end();
  return finder.found;
}

/** Passes a plain tar on as it is, and says at its end what is in it: so a layer that is being sent need not be read again. */
export function watchPackages(source: BlobSource, found: (packages: LayerPackages) => void): BlobSource {
  return async function* () {
    const finder = new PackageFinder();
    const reader = new TarReader(finder);
    for await (const chunk of source()) {
      reader.push(chunk);
      yield chunk;
    }
    found(finder.found);
  };
}

function unpacked(mediaType: string, bytes: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const unpack = /\+?gzip$/.test(mediaType)
    ? createGunzip()
    : mediaType.endsWith('+zstd')
      ? createZstdDecompress()
      : through();
  return pipeline(Readable.from(bytes), unpack, () => {}) as unknown as AsyncIterable<Buffer>;
}

const through = () =>
  new Transform({ transform: (chunk: Buffer, _encoding, done: TransformCallback) => done(null, chunk) });

/** More is no record of packages. */
const MOST = 64 * 2 ** 20;
/** A description may be long; what is read stands before it. */
const MOST_METADATA = 64 * 1024;

class PackageFinder implements TarHandler {
  readonly found: { system?: Distribution; files: Record<string, InstalledPackage[] | null> } = { files: {} };
  #path = '';
  #kind: Kind | undefined;
  #pieces: Buffer[] = [];
  #bytes = 0;

  entry({ type, path }: TarEntry): void {
    const name = path.replace(/^(\.?\/)+/, '');
    this.#path = name;
    this.#kind = type === 'file' ? kindOf(name) : undefined;
    this.#pieces = [];
    this.#bytes = 0;
    const removed = name.replace(/(^|\/)\.wh\.([^/]+)$/, '$1$2');
    if (removed !== name && kindOf(removed)) this.found.files[removed] = null;
  }

  data(bytes: Buffer): void {
    const most = this.#kind === 'metadata' ? MOST_METADATA : MOST;
    if (!this.#kind || this.#bytes >= most) return;
    this.#pieces.push(Buffer.from(bytes.subarray(0, most - this.#bytes)));
    this.#bytes += bytes.length;
  }

  done(): void {
    if (!this.#kind) return;
    const text = Buffer.concat(this.#pieces).toString('utf8');
    if (this.#kind === 'system') {
      const system = readOsRelease(text);
      if (system) this.found.system = system;
    } else if (this.#kind === 'dpkg') this.found.files[this.#path] = readDpkgStatus(text);
    else this.found.files[this.#path] = [readPythonMetadata(text)].flatMap((item) => item ?? []);
  }
}

type Kind = 'system' | 'dpkg' | 'metadata';

function kindOf(path: string): Kind | undefined {
  if (path === 'usr/lib/os-release' || path === 'etc/os-release') return 'system';
  // One file, or a file each where an image has no dpkg of its own.
  if (path === 'var/lib/dpkg/status' || /^var\/lib\/dpkg\/status\.d\/[^/]+(?<!\.md5sums)$/.test(path)) return 'dpkg';
  // What is in dist-packages is dpkg's, and named there.
  return /\.dist-info\/METADATA$/.test(path) && !path.includes('/dist-packages/') ? 'metadata' : undefined;
}
