import type { ServingImage, WantedVersion } from '../../domain/deployment.ts';
import { defaultRepository, imageTag, JobId, Repository } from '../../domain/resource-names.ts';
import { findManifest } from '../../services/container-registry/manifests.ts';
import { ServiceError } from '../../services/errors.ts';
import { findModelVersion } from '../../services/machine-learning/find-version.ts';
import type { Cloud } from './cloud.ts';

/**
 * The image of a version that Azure ML has and has not archived, by the tag that never moves. A rollback's must be the image
 * that served before. @throws ServiceError `NoSuchVersion`, `ImageNotBuilt` (input), `ModelOfAnotherSite`, `ImageDiffers` (policy)
 */
export async function findServingImage(cloud: Cloud, plan: WantedVersion): Promise<ServingImage> {
  const { model, site } = plan;
  const { version, tags } = await findModelVersion(await cloud.workspace(), model, plan.version);
  if (tags['site'] !== site) throw anotherSite(plan, tags['site']);
  const repository = Repository.catch(defaultRepository(model)).parse(tags[REPOSITORY_TAG] ?? defaultRepository(model));
  const tag = imageTag(version);
  const registry = cloud.file.registry.loginServer;
  const found = await findManifest(await cloud.registry(), repository, tag);
  if (!found) throw notBuilt(`${registry}/${repository}:${tag}`);
  if (plan.digest !== undefined && plan.digest !== found.digest) throw differs(`${registry}/${repository}:${tag}`);
  return { version, job: JobId.parse(tags['job']), image: { registry, repository, tag, digest: found.digest } };
}

/** Of a model version, whose image need not be in the repository that is named like the model. */
export const REPOSITORY_TAG = 'image.repository';

function anotherSite({ model, site }: WantedVersion, owner: string | undefined): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'ModelOfAnotherSite',
    cause: `The model ${model} was trained at ${owner ?? 'no site of ours'}, and not at ${site}.`,
    nextStep: 'Deploy it at its own site: what its predictions are compared with is there.',
    retryable: false,
  });
}

function notBuilt(image: string): ServiceError {
  return new ServiceError({
    class: 'input',
    type: 'ImageNotBuilt',
    cause: `The registry has no image ${image}.`,
    nextStep: 'Wait until the run that made the version has ended; one that failed at its image is to be run again.',
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
