import type { SealedGrant } from '../../domain/grant.ts';
import type { ServingImage } from '../../domain/deployment.ts';
import type { PlannedImage } from '../../domain/image-reference.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { once } from './prepare-environment.ts';
import { pullImage } from './pull-image.ts';
import { verifyOrigin, verifySealed } from './verify-image.ts';

/**
 * A version's image on this VM, sealed and verified: pulled through the uplink where it is not there yet. `cached`: it was.
 * @throws ServiceError `ImageUnsigned` and the others of a faulty origin, `ImageUnusable`, `ImageDiffers`, `UplinkDenied`,
 * `GrantExpired` …
 */
export async function pullServingImage(
  edge: EdgeDependencies,
  request: Pick<ServingImage, 'image' | 'version'> & { model: string; grants: readonly SealedGrant[] },
): Promise<{ cached: boolean }> {
  const { grants } = request;
  const planned = plannedImage(request.image);
  const { receipt } = await verifyOrigin(edge, planned, request, grants);
  const place = await edge.launcher.image(planned.digest);
  if (!place.sealed) await once(place.path, () => pullImage(edge, planned, place.path, grants));
  await verifySealed(edge, planned, receipt.predicate.released.artifacts);
  return { cached: place.sealed };
}

export const plannedImage = ({ registry, repository, tag, digest }: ServingImage['image']): PlannedImage => ({
  reference: `${registry}/${repository}:${tag}`,
  registry,
  repository,
  digest: digest.slice('sha256:'.length),
});
