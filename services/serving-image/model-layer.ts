import type { ContainerClient } from '@azure/storage-blob';
import type { Artifact } from '../../domain/release.ts';
import type { TarFile } from '../oci-image/tar.ts';
import { readVerified } from '../verified-blob.ts';

/**
 * Where the model is in the image, as Azure ML lays one out: AZUREML_MODEL_DIR/NAME/VERSION. The server wants a number there;
 * it is 0 in every image, since the same content must be the same image whatever its version.
 */
export const MODEL_FOLDER = 'model/0';

/** The released artifacts below that folder, streamed from the models container; each must hash to what was released. */
export function modelFiles(
  models: ContainerClient,
  modelPath: (artifact: string) => string,
  artifacts: readonly Artifact[],
): TarFile[] {
  return artifacts.map((artifact) => ({
    path: `${MODEL_FOLDER}/${artifact.path}`,
    bytes: artifact.bytes,
    open: () => readVerified(models.getBlockBlobClient(modelPath(artifact.path)), artifact),
  }));
}
