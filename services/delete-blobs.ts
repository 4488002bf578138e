import type { ContainerClient } from '@azure/storage-blob';
import pMap from 'p-map';
import { toServiceError } from './errors.ts';

/** Deletes blobs; what is absent is fine. @throws ServiceError */
export async function deleteBlobs(container: ContainerClient, paths: readonly string[]): Promise<void> {
  const remove = async (path: string) => {
    try {
      await container.getBlobClient(path).deleteIfExists();
    } catch (error) {
      throw toServiceError(error, `deleting ${container.url.split('?', 1)[0]}/${path}`);
    }
  };
  await pMap(paths, remove, { concurrency: 8 });
}

/**
 * Deletes every blob below a prefix but those that are named; a container that is not there has none. What an upload that
 * was broken off has sent goes too: the service would keep it for a week. @throws ServiceError
 */
export async function deleteBlobsBelow(
  container: ContainerClient,
  prefix: string,
  keep: readonly string[] = [],
): Promise<void> {
  const found: string[] = [];
  try {
    for await (const { name } of container.listBlobsFlat({ prefix, includeUncommitedBlobs: true }))
      if (!keep.includes(name)) found.push(name);
    for (const name of found) await deleteWhole(container, name);
  } catch (error) {
    if ((error as { statusCode?: unknown }).statusCode === 404) return;
    throw toServiceError(error, `deleting below ${container.url.split('?', 1)[0]}/${prefix}`);
  }
}

/** Blocks without a blob cannot be deleted: an empty blob, made of none of them, discards them and can. */
async function deleteWhole(container: ContainerClient, name: string): Promise<void> {
  const blob = container.getBlockBlobClient(name);
  if ((await blob.deleteIfExists()).succeeded) return;
  await blob.commitBlockList([]);
  await blob.deleteIfExists();
}
