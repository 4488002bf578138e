import type { ModelChangeResult } from '../../domain/model-change.ts';
import {
  bytesOnlyIn,
  judge,
  removedOf,
  type CleanedRepository,
  type Cleaning,
  type StoredImage,
} from '../../domain/registry-cleaning.ts';
import { defaultRepository, imageTag } from '../../domain/resource-names.ts';
import { readRepository, removeManifest } from '../../services/container-registry/inventory.ts';
import { readVersions } from '../../services/machine-learning/find-version.ts';
import type { Cloud } from './cloud.ts';
import { modelOfSite } from './model-of-site.ts';
import { imagePlace } from './version-image.ts';

/** What an image of ours says of itself (`services/serving-image/build.ts`). */
const TITLE = 'org.opencontainers.image.title';
const BASE = 'org.opencontainers.image.base.digest';

/**
 * Removes what nobody needs of a model's repositories, or says only what that is. Versions are read first and the repository
 * then: a version that is registered in between has its image later than that. The base's own repository is left alone.
 * @throws ServiceError `NoSuchModel` (input), `ModelOfAnotherSite`, `Denied` without the right to delete (policy)
 */
export async function cleanRepositories(
  cloud: Cloud,
  cleaning: Cleaning,
  now: Date = new Date(),
): Promise<ModelChangeResult> {
  const { site, model } = cleaning;
  const workspace = await cloud.workspace();
  await modelOfSite(cloud, workspace, cleaning);
  const tags = new Map([[defaultRepository(model), new Set<string>()]]);
  for (const version of await readVersions(workspace, model)) {
    const { repository } = imagePlace(cloud, model, version);
    tags.set(repository, (tags.get(repository) ?? new Set()).add(imageTag(version.version)));
  }
  tags.delete(cloud.file.registry.base.replace(/@.*$/, ''));
  const before = new Date(now.getTime() - cleaning.olderThanHours * 3_600_000).toISOString();
  const cleaned: CleanedRepository[] = [];
  for (const [repository, versions] of tags)
    cleaned.push(await clean(cloud, cleaning, { repository, versions, before }));
  return { site, model, cleaned };
}

async function clean(
  cloud: Cloud,
  { model, dryRun, keep }: Cleaning,
  { repository, versions, before }: { repository: string; versions: ReadonlySet<string>; before: string },
): Promise<CleanedRepository> {
  const registry = await cloud.registry();
  const isOurs = (annotations: Readonly<Record<string, string>>) => annotations[TITLE] === model && BASE in annotations;
  const images = await readRepository(registry, repository, isOurs, cloud.step.progress);
  const { dead, tooYoung } = judge(images, { versions, keep: new Set(keep), before });
  const removed: StoredImage[] = [];
  const left = new Set<string>();
  for (const image of dead) {
    // What is attached to an image that has come back to life stays with it.
    const isWanted = image.subject !== undefined && left.has(image.subject);
    if (!isWanted && (dryRun || (await removeManifest(registry, repository, image)))) removed.push(image);
    else left.add(image.digest);
    cloud.step.progress();
  }
  return { repository, removed: removed.map(removedOf), bytes: bytesOnlyIn(removed, images), tooYoung };
}
