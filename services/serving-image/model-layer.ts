import type { ContainerClient } from '@azure/storage-blob';
import type { Artifact } from '../../domain/release.ts';
import type { TarFile } from '../oci-image/tar.ts';
import { readVerified } from '../verified-blob.ts';

/** The released artifacts below `/model`, streamed from the models container; each must hash to what was released. */
export function modelFiles(
  models: ContainerClient,
  modelPath: (artifact: string) => string,
  artifacts: readonly Artifact[],
): TarFile[] {
  return artifacts.map((artifact) => ({
    path: `model/${artifact.path}`,
    bytes: artifact.bytes,
    open: () => readVerified(models.getBlockBlobClient(modelPath(artifact.path)), artifact),
  }));
}
