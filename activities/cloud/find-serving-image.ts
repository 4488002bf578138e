import type { ServingImage, WantedVersion } from '../../domain/deployment.ts';
import { JobId } from '../../domain/resource-names.ts';
import { findManifest } from '../../services/container-registry/manifests.ts';
import { ServiceError } from '../../services/errors.ts';
import { findModelVersion } from '../../services/machine-learning/find-version.ts';
import type { Cloud } from './cloud.ts';
import { imagePlace, notBuilt } from './version-image.ts';

/**
 * The image of a version that Azure ML has and has not archived, by the tag that never moves. A rollback's must be the image
 * that served before. @throws ServiceError `NoSuchVersion`, `NoSuchAlias`, `ImageNotBuilt` (input), `ModelOfAnotherSite`,
 * `ImageDiffers` (policy)
 */
export async function findServingImage(cloud: Cloud, plan: WantedVersion): Promise<ServingImage> {
  const found = await findModelVersion(await cloud.workspace(), plan.model, plan);
  if (found.tags['site'] !== plan.site) throw anotherSite(plan, found.tags['site']);
  const place = imagePlace(cloud, plan.model, found);
  const image = await findManifest(await cloud.registry(), place.repository, place.tag);
  if (!image) throw notBuilt(place);
  if (plan.digest !== undefined && plan.digest !== image.digest)
    throw differs(`${place.registry}/${place.repository}:${place.tag}`);
  return { version: found.version, job: JobId.parse(found.tags['job']), image: { ...place, digest: image.digest } };
}

function anotherSite({ model, site }: WantedVersion, owner: string | undefined): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'ModelOfAnotherSite',
    cause: `The model ${model} was trained at ${owner ?? 'no site of ours'}, and not at ${site}.`,
    nextStep: 'Deploy it at its own site: what its predictions are compared with is there.',
    retryable: false,
  });
}

function differs(image: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'ImageDiffers',
    cause: `The tag ${image} names another image than the one that served here before.`,
    nextStep: 'Find out who moved the tag: a version’s tag is never moved by edge-train.',
    retryable: false,
  });
}
