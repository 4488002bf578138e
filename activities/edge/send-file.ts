import type { Artifact } from '../../domain/release.ts';
import type { BlockBlob } from '../../services/blob-storage.ts';
import { ServiceError } from '../../services/errors.ts';
import { putChunks, verified } from '../../services/verified-blob.ts';
import { openRegular } from './output-files.ts';

/**
 * Sends a file whose size and digest are known. The blob appears only after its last byte was hashed and the digest is
 * right, so a file that has changed leaves nothing. Sending again is the same blob again. @throws ServiceError `ArtifactChanged`
 */
export async function sendFile(
  path: string,
  expected: Artifact,
  blob: BlockBlob,
  progress: (sent: number) => void = () => {},
): Promise<void> {
  const file = await openRegular(path);
  try {
    const chunks = file.createReadStream({ autoClose: false, highWaterMark: 2 ** 20 });
    await putChunks(
      blob,
      expected.bytes,
      verified(chunks, expected, () => changed(expected)),
      { progress },
    );
  } finally {
    await file.close();
  }
}

const changed = ({ path }: Artifact) =>
  new ServiceError({
    class: 'policy',
    type: 'ArtifactChanged',
    cause: `${path} is not what was inspected: its size or digest has changed. Nothing of it was released.`,
    nextStep: 'Start the run again, and find out what on the VM wrote to the job’s folder.',
    retryable: false,
  });
