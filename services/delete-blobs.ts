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
