import { hasContainer, type BlobContainer } from '../services/blob-storage.ts';
import { toServiceError } from '../services/errors.ts';

/** @throws ServiceError `NotFound` */
export async function requireContainer(container: BlobContainer, what: string): Promise<void> {
  if (await hasContainer(container)) return;
  const error = Object.assign(new Error('there is no such container'), { code: 'ContainerNotFound' });
  throw toServiceError(error, `looking for the container ${what}`);
}
