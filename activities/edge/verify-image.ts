import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServingImage } from '../../domain/deployment.ts';
import type { SealedGrant } from '../../domain/grant.ts';
import type { PlannedImage } from '../../domain/image-reference.ts';
import type { Artifact } from '../../domain/release.ts';
import { pullReader } from '../../services/container-registry/pull-reader.ts';
import { ServiceError } from '../../services/errors.ts';
import { imageNotTrusted } from '../../services/image-trust/image-refused.ts';
import { verifyImage, type VerifiedImage } from '../../services/image-trust/verify-image.ts';
import { MODEL_FOLDER } from '../../services/serving-image/model-layer.ts';
import { sha256 } from '../../services/signing.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { LOCK } from './job-place.ts';
import { digestFile, walk } from './output-files.ts';
import { readPolicy } from './policy.ts';
import { openSource } from './pull-image.ts';

/**
 * Whether an image may serve on this VM, before a layer of it is pulled: signed by a key of the VM's policy file, with a
 * provenance of this very version of this site's model, and with the receipt of what left the site, by the site's key.
 * @throws ServiceError as `verifyImage` of image-trust does (policy)
 */
export async function verifyOrigin(
  edge: EdgeDependencies,
  image: PlannedImage,
  { model, version }: Pick<ServingImage, 'version'> & { model: string },
  grants: readonly SealedGrant[],
): Promise<VerifiedImage> {
  const { site, services } = await readPolicy(edge);
  return verifyImage({
    reader: pullReader(await openSource(edge, image, grants)),
    name: `${image.registry}/${image.repository}`,
    reference: `sha256:${image.digest}`,
    ...{ keys: services?.imageKeys ?? [], receiptKeys: services?.receiptKeys ?? [] },
    expected: { site, model, version },
    readModel: false, // of what is unpacked each file is looked at
  });
}

/** Whether what is sealed under a digest is that manifest. @throws ServiceError `ImageDiffers` (policy) */
export async function verifyKept({ home }: EdgeDependencies, image: PlannedImage): Promise<void> {
  const manifest = await readFile(join(home, 'images', image.digest, LOCK)).catch(() => undefined);
  if (!manifest || sha256(manifest) !== image.digest) throw differs(image);
}

/** The same, and whether its model is the files that left the site and no other. @throws ServiceError `ImageModelDiffers` (policy) */
export async function verifySealed(
  edge: EdgeDependencies,
  image: PlannedImage,
  artifacts: readonly Artifact[],
): Promise<void> {
  await verifyKept(edge, image);
  const { files, others } = await walk(join(edge.home, 'images', image.digest, 'tree', MODEL_FOLDER));
  const no = (why: string) => imageNotTrusted('ImageModelDiffers', image.reference, why);
  if (others > 0) throw no('there is more in its model’s folder than files');
  const found = new Map(files.map(({ path, absolute }) => [path, absolute]));
  for (const { path, sha256: expected } of artifacts) {
    const file = found.get(path);
    if (file === undefined || (await digestFile(file)).sha256 !== expected)
      throw no('a file of the model is another one, or missing');
  }
  if (found.size !== artifacts.length) throw no(`${found.size - artifacts.length} files in it never left the site`);
}

function differs({ reference }: PlannedImage): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'ImageDiffers',
    cause: `What this VM keeps as the image ${reference} is not the manifest that its digest stands for.`,
    nextStep: 'Find out who changed it on the VM; delete the VM, and deploy again.',
    retryable: false,
  });
}
