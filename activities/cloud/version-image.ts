import type { ServingImage } from '../../domain/deployment.ts';
import { defaultRepository, imageTag, Repository } from '../../domain/resource-names.ts';
import { ServiceError } from '../../services/errors.ts';
import type { FoundVersion } from '../../services/machine-learning/find-version.ts';
import type { Cloud } from './cloud.ts';

/** Of a model version, whose image need not be in the repository that is named like the model. */
export const REPOSITORY_TAG = 'image.repository';

/** Where a version's image is, if it has been built: under the tag that never moves. */
export function imagePlace(
  { file }: Pick<Cloud, 'file'>,
  model: string,
  { version, tags }: FoundVersion,
): Omit<ServingImage['image'], 'digest'> {
  const repository = Repository.catch(defaultRepository(model)).parse(tags[REPOSITORY_TAG] ?? defaultRepository(model));
  return { registry: file.registry.loginServer, repository, tag: imageTag(version) };
}

export function notBuilt({ registry, repository, tag }: Omit<ServingImage['image'], 'digest'>): ServiceError {
  return new ServiceError({
    class: 'input',
    type: 'ImageNotBuilt',
    cause: `The registry has no image ${registry}/${repository}:${tag}.`,
    nextStep: 'Wait until the run that made the version has ended; one that failed at its image is to be run again.',
    retryable: false,
  });
}
