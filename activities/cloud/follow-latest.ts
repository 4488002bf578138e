import { LATEST, latestMoveIn, latestMoveTag, type LatestMove } from '../../domain/model-alias.ts';
import type { ModelChangeResult } from '../../domain/model-change.ts';
import { moveTag, removeTag } from '../../services/container-registry/tags.ts';
import { readVersions } from '../../services/machine-learning/find-version.ts';
import { tagModel, type ModelContainer } from '../../services/machine-learning/model-versions.ts';
import type { Workspace } from '../../services/machine-learning/workspace.ts';
import type { Cloud } from './cloud.ts';
import { modelOfSite } from './model-of-site.ts';
import { imagePlace } from './version-image.ts';

/**
 * Lets the registry's `latest` name the newest version that is not archived. Where that has no image yet the tag stays: the run
 * that makes the image asks again. A repository without that version has no `latest`. A move is written down in Azure ML: who asked,
 * when, and from where to where.
 * @throws ServiceError `NoSuchModel` (input), `ModelOfAnotherSite` (policy)
 */
export async function followLatest(
  cloud: Cloud,
  { site, model }: { readonly site: string; readonly model: string },
  asked: Pick<LatestMove, 'by' | 'at'>,
): Promise<ModelChangeResult> {
  const workspace = await cloud.workspace();
  const container = await modelOfSite(cloud, workspace, { site, model });
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
  if (newest && tagged) await record(workspace, { model, container }, newest.version, asked);
  return {
    ...{ site, model, alias: LATEST },
    ...(newest && place && tagged ? { version: newest.version, image: { ...place, digest: tagged.digest } } : {}),
  };
}

/** After the tag, which is what moved: a tag that was put without its record gets it at the next attempt. */
async function record(
  workspace: Workspace,
  { model, container }: { readonly model: string; readonly container: ModelContainer },
  to: number,
  asked: Pick<LatestMove, 'by' | 'at'>,
): Promise<void> {
  const before = latestMoveIn(container.properties.tags ?? {})?.to;
  if (before === to) return;
  await tagModel(
    workspace,
    model,
    container,
    latestMoveTag({ to, ...(before === undefined ? {} : { from: before }), ...asked }),
  );
}
