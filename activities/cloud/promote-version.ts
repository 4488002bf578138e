import { aliasTags, findAlias, type ModelAlias } from '../../domain/model-alias.ts';
import type { ModelChangeRequest, ModelChangeResult } from '../../domain/model-change.ts';
import { findManifest } from '../../services/container-registry/manifests.ts';
import { moveTag, removeTag } from '../../services/container-registry/tags.ts';
import { ServiceError } from '../../services/errors.ts';
import { findModelVersion, readVersions } from '../../services/machine-learning/find-version.ts';
import { tagModel, type ModelContainer } from '../../services/machine-learning/model-versions.ts';
import type { Workspace } from '../../services/machine-learning/workspace.ts';
import type { Cloud } from './cloud.ts';
import { modelOfSite } from './model-of-site.ts';
import { imagePlace, notBuilt } from './version-image.ts';

type Promotion = Extract<ModelChangeRequest['change'], { action: 'promote' }>;

/**
 * Lets an alias name a version, in Azure ML, which is what counts, and then in the registry. What fails in between is done to
 * the end by the next attempt; an alias that names the version already has no new record.
 * @throws ServiceError `NoSuchModel`, `NoSuchVersion`, `ImageNotBuilt`, `AliasMoved` (input), `ModelOfAnotherSite` (policy)
 */
export async function promoteVersion(cloud: Cloud, change: Promotion, at: string): Promise<ModelChangeResult> {
  const { site, model, version, alias } = change;
  const workspace = await cloud.workspace();
  const container = await modelOfSite(cloud, workspace, change);
  const place = imagePlace(cloud, model, await findModelVersion(workspace, model, { version }));
  const registry = await cloud.registry();
  if (!(await findManifest(registry, place.repository, place.tag))) throw notBuilt(place);

  const from = await record(workspace, container, change, at);
  const tagged = await moveTag(registry, place.repository, { tag: alias, to: place.tag });
  if (!tagged) throw notBuilt(place);
  if (from !== undefined) await leaveOtherRepository(cloud, workspace, change, { from, repository: place.repository });
  return {
    ...{ site, model, version, alias, image: { ...place, digest: tagged.digest } },
    ...(from === undefined ? {} : { from }),
  };
}

/** Who moved it, when, from where. Returns which version it named before. */
async function record(
  workspace: Workspace,
  container: ModelContainer,
  { model, version, alias, by }: Promotion,
  at: string,
): Promise<number | undefined> {
  const there = findAlias(container.properties.tags ?? {}, alias);
  if (there?.version === version) return there.from;
  if (there?.at !== undefined && there.at > at) throw movedSince(model, there);
  const from = there?.version;
  const moved = { alias, version, by, at, ...(from === undefined ? {} : { from }) };
  await tagModel(workspace, model, container, aliasTags(moved));
  return from;
}

/** Versions need not be in one repository: where the alias came from, it would go on naming the old one. */
async function leaveOtherRepository(
  cloud: Cloud,
  workspace: Workspace,
  { model, alias }: Promotion,
  { from, repository }: { readonly from: number; readonly repository: string },
): Promise<void> {
  const before = (await readVersions(workspace, model)).find(({ version }) => version === from);
  const place = before ? imagePlace(cloud, model, before) : undefined;
  if (place && place.repository !== repository)
    await removeTag(await cloud.registry(), place.repository, { tag: alias, names: [place.tag] });
}

function movedSince(model: string, { alias, version, by, at }: ModelAlias): ServiceError {
  return new ServiceError({
    class: 'input',
    type: 'AliasMoved',
    cause: `The alias ${alias} of ${model} was moved to version ${version} at ${at} by ${by}, which was asked for later.`,
    nextStep: 'Look whether that is what is wanted (edge-train models show); else promote once more.',
    retryable: false,
  });
}
