import { LATEST } from '../../domain/model-alias.ts';
import type { ModelChangeResult } from '../../domain/model-change.ts';
import { moveTag, removeTag } from '../../services/container-registry/tags.ts';
import { readVersions } from '../../services/machine-learning/find-version.ts';
import type { Cloud } from './cloud.ts';
import { modelOfSite } from './model-of-site.ts';
import { imagePlace } from './version-image.ts';

/**
 * Lets the registry's `latest` name the newest version that is not archived. Where that has no image yet the tag stays: the run
 * that makes the image asks again. A repository without that version has no `latest`.
 * @throws ServiceError `NoSuchModel` (input), `ModelOfAnotherSite` (policy)
 */
export async function followLatest(
  cloud: Cloud,
  { site, model }: { readonly site: string; readonly model: string },
): Promise<ModelChangeResult> {
  const workspace = await cloud.workspace();
  await modelOfSite(cloud, workspace, { site, model });
  const registry = await cloud.registry();
  const versions = await readVersions(workspace, model);
  const newest = versions.find(({ archived }) => !archived);
  const place = newest ? imagePlace(cloud, model, newest) : undefined;
  const elsewhere = versions
    .map((each) => imagePlace(cloud, model, each))
    .filter(({ repository }) => repository !== place?.repository);
  for (const [repository, places] of Map.groupBy(elsewhere, ({ repository }) => repository))
    await removeTag(registry, repository, { tag: LATEST, names: places.map(({ tag }) => tag) });
  const tagged = place ? await moveTag(registry, place.repository, { tag: LATEST, to: place.tag }) : undefined;
  return {
    ...{ site, model, alias: LATEST },
    ...(newest && place && tagged ? { version: newest.version, image: { ...place, digest: tagged.digest } } : {}),
  };
}
