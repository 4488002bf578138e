import type { ContainerClient } from '@azure/storage-blob';
import { toServiceError } from './errors.ts';

/** Deletes blobs; what is absent is fine. @throws ServiceError */
export async function deleteBlobs(container: ContainerClient, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await container.getBlobClient(path).deleteIfExists();
    } catch (error) {
      throw toServiceError(error, `deleting ${container.url.split('?', 1)[0]}/${path}`);
    }
  }
}

/** Deletes every blob below a prefix but those that are named; a container that is not there has none. @throws ServiceError */
export async function deleteBlobsBelow(
  container: ContainerClient,
  prefix: string,
  keep: readonly string[] = [],
): Promise<void> {
  const found: string[] = [];
  try {
    for await (const { name } of container.listBlobsFlat({ prefix })) if (!keep.includes(name)) found.push(name);
  } catch (error) {
    if ((error as { statusCode?: unknown }).statusCode === 404) return;
    throw toServiceError(error, `listing ${container.url.split('?', 1)[0]}/${prefix}`);
  }
  await deleteBlobs(container, found);
}
