import type { ContainerClient } from '@azure/storage-blob';
import type { Distribution, InstalledPackage } from '../../domain/installed-package.ts';
import { putIfAbsent, readText } from '../blob-storage.ts';
import type { ImageReader } from '../container-registry/content.ts';
import { LayerPackages, packagesOf, readLayerPackages } from '../oci-image/layer-packages.ts';
import type { Descriptor } from '../oci-image/image.ts';

/** Layers are immutable, so what is in one is read once, and remembered by its digest. */
const memoPath = (digest: string): string => `images/packages/${digest.replace(':', '-')}.json`;

export async function rememberPackages(memos: ContainerClient, digest: string, packages: LayerPackages): Promise<void> {
  await putIfAbsent(memos, memoPath(digest), JSON.stringify(packages), 'application/json');
}

/** The packages in these layers, the lowest first; a layer of which nothing is remembered is read from the registry. */
export async function imagePackages(
  memos: ContainerClient,
  reader: ImageReader,
  layers: readonly Descriptor[],
  progress: () => void,
): Promise<{ system?: Distribution; packages: InstalledPackage[] }> {
  const found: LayerPackages[] = [];
  for (const layer of layers) {
    progress();
    found.push(await packagesIn(memos, reader, layer, progress));
  }
  return packagesOf(found);
}

async function packagesIn(
  memos: ContainerClient,
  reader: ImageReader,
  { digest, mediaType }: Descriptor,
  progress: () => void,
): Promise<LayerPackages> {
  const text = await readText(memos, memoPath(digest));
  if (text !== undefined) return LayerPackages.parse(JSON.parse(text));
  const packages = await readLayerPackages(mediaType, beating(reader.stream(digest), progress));
  await rememberPackages(memos, digest, packages);
  return packages;
}

async function* beating(bytes: AsyncIterable<Buffer>, progress: () => void): AsyncIterable<Buffer> {
  for await (const chunk of bytes) {
    progress();
    yield chunk;
  }
}
