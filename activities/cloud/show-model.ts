import {
  aliasesOf,
  MOST_VERSIONS,
  splitTags,
  type DescribedModel,
  type DescribedVersion,
  type ModelSummary,
  type ShowModelInput,
} from '../../domain/model-catalog.ts';
import { JobId } from '../../domain/resource-names.ts';
import { findManifest } from '../../services/container-registry/manifests.ts';
import { chooseVersion, readVersions, type ReadVersion } from '../../services/machine-learning/find-version.ts';
import type { Cloud } from './cloud.ts';
import { summaryOf } from './list-models.ts';
import { modelOfSite } from './model-of-site.ts';
import { imagePlace } from './version-image.ts';

/**
 * A model and its versions; the one that is asked for, archived or not, with all that is known of it.
 * @throws ServiceError `NoSuchModel`, `NoSuchVersion`, `NoSuchAlias` (input), `ModelOfAnotherSite` (policy)
 */
export async function showModel(cloud: Cloud, { site, model, ...wanted }: ShowModelInput): Promise<DescribedModel> {
  const workspace = await cloud.workspace();
  const container = await modelOfSite(cloud, workspace, { site, model });
  const versions = await readVersions(workspace, model);
  const summary = summaryOf(site, model, container, versions);
  const described = {
    ...summary,
    registered: versions.slice(0, MOST_VERSIONS).map((each) => registered(summary, each)),
  };
  if (wanted.version === undefined && wanted.alias === undefined) return described;
  const asked = chooseVersion({ workspace: workspace.name, model, container, versions }, wanted, { archivedToo: true });
  return { ...described, version: await describeVersion(cloud, summary, asked) };
}

/** All that is known of one version, and whether the registry has its image. */
export async function describeVersion(
  cloud: Cloud,
  summary: ModelSummary,
  version: ReadVersion,
): Promise<DescribedVersion> {
  const { type, modelUri, resourceId, tags } = version;
  const place = imagePlace(cloud, summary.model, version);
  const image = await findManifest(await cloud.registry(), place.repository, place.tag);
  return {
    ...registered(summary, version),
    ...{ type, modelUri, resourceId, ...splitTags(tags) },
    image: { ...place, ...(image ? { digest: image.digest } : {}) },
  };
}

function registered({ aliases, newest }: ModelSummary, { version, archived, at, tags }: ReadVersion) {
  const job = JobId.safeParse(tags['job']).data;
  return {
    ...{ version, archived, aliases: aliasesOf(version, aliases, newest) },
    ...(at === undefined ? {} : { at }),
    ...(job === undefined ? {} : { job }),
  };
}
