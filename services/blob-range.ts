import type { BlobContainer } from './blob-storage.ts';
import { toServiceError } from './errors.ts';

/**
 * At most `limit` bytes of a blob from `offset` on, for following one that grows; none where it ends there, undefined
 * where there is no such blob. @throws ServiceError
 */
export async function readRange(
  container: BlobContainer,
  path: string,
  offset: number,
  limit = 4 * 2 ** 20,
): Promise<Buffer | undefined> {
  try {
    const blob = container.getBlobClient(path);
    const { contentLength = 0 } = await blob.getProperties();
    const bytes = Math.min(limit, contentLength - offset);
    return bytes > 0 ? await blob.downloadToBuffer(offset, bytes) : Buffer.alloc(0);
  } catch (error) {
    if ((error as { statusCode?: unknown }).statusCode === 404) return undefined;
    throw toServiceError(error, `reading ${container.url.split('?', 1)[0]}/${path}`);
  }
}

/** The whole of a blob of any size into a file, whatever is there. @throws ServiceError */
export async function readToFile(container: BlobContainer, path: string, file: string): Promise<void> {
  try {
    await container.getBlobClient(path).downloadToFile(file);
  } catch (error) {
    throw toServiceError(error, `reading ${container.url.split('?', 1)[0]}/${path}`);
  }
}
