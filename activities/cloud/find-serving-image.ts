import type { ServingImage, WantedVersion } from '../../domain/deployment.ts';
import { LATEST } from '../../domain/model-alias.ts';
import { JobId } from '../../domain/resource-names.ts';
import { sessionReader } from '../../services/container-registry/content.ts';
import { findManifest } from '../../services/container-registry/manifests.ts';
import { RegistrySession } from '../../services/container-registry/session.ts';
import { ServiceError } from '../../services/errors.ts';
import { hasSignature } from '../../services/image-trust/attached.ts';
import {
  chooseVersion,
  readModel,
  type FoundVersion,
  type ReadVersion,
} from '../../services/machine-learning/find-version.ts';
import type { Cloud } from './cloud.ts';
import { imagePlace, notBuilt } from './version-image.ts';

/**
 * The image of a version that Azure ML has and has not archived, by the tag that never moves. A rollback's must be the image
 * that served before. Where no version is named it is the newest whose image is there and signed: of one whose run is still
 * under way, or failed at its image, nothing is wanted yet. @throws ServiceError `NoSuchVersion`, `NoSuchAlias`, `ImageNotBuilt`
 * (input), `ModelOfAnotherSite`, `ImageDiffers` (policy)
 */
export async function findServingImage(cloud: Cloud, plan: WantedVersion): Promise<ServingImage> {
  const { model, version, alias } = plan;
  const read = await readModel(await cloud.workspace(), model);
  const found = chooseVersion(read, plan);
  if (found.tags['site'] !== plan.site) throw anotherSite(plan, found.tags['site']);
  const isNamed = version !== undefined || (alias !== undefined && alias !== LATEST);
  const isOffered = ({ archived, tags }: ReadVersion) => !archived && tags['site'] === plan.site;
  const offered = isNamed ? [found] : read.versions.filter(isOffered);
  const chosen = await newestBuilt(cloud, model, offered);
  if (!chosen) throw notBuilt(imagePlace(cloud, model, found));
  const { image } = chosen;
  if (plan.digest !== undefined && plan.digest !== image.digest)
    throw differs(`${image.registry}/${image.repository}:${image.tag}`);
  return { version: chosen.version, job: JobId.parse(chosen.tags['job']), image };
}

type Built = FoundVersion & Pick<ServingImage, 'image'>;

/** The first that is signed, which is done last; where none is, the first that is built: who is to serve it says what it lacks. */
async function newestBuilt(cloud: Cloud, model: string, versions: readonly FoundVersion[]): Promise<Built | undefined> {
  const registry = await cloud.registry();
  const session = new RegistrySession(registry);
  let unsigned: Built | undefined;
  for (const found of versions) {
    const place = imagePlace(cloud, model, found);
    const manifest = await findManifest(registry, place.repository, place.tag);
    if (!manifest) continue;
    const built = { ...found, image: { ...place, digest: manifest.digest } };
    const reader = sessionReader(session, place.repository);
    if (versions.length === 1 || (await hasSignature(reader, manifest.digest))) return built;
    unsigned ??= built;
  }
  return unsigned;
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
