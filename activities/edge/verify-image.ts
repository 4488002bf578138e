import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlannedImage } from '../../domain/image-reference.ts';
import { ServiceError } from '../../services/errors.ts';
import { sha256 } from '../../services/signing.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { LOCK } from './job-place.ts';

/**
 * The one place where a VM decides whether an image may serve: what is sealed under a digest must be that manifest. Signature,
 * provenance and receipt are to be verified here too. @throws ServiceError `ImageDiffers` (policy)
 */
export async function verifyImage({ home }: EdgeDependencies, { reference, digest }: PlannedImage): Promise<void> {
  const manifest = await readFile(join(home, 'images', digest, LOCK)).catch(() => undefined);
  if (manifest && sha256(manifest) === digest) return;
  throw new ServiceError({
    class: 'policy',
    type: 'ImageDiffers',
    cause: `What this VM keeps as the image ${reference} is not the manifest that its digest stands for.`,
    nextStep: 'Find out who changed it on the VM; delete the VM, and deploy again.',
    retryable: false,
  });
}
