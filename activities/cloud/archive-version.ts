import { aliasesIn } from '../../domain/model-alias.ts';
import type { ModelChangeRequest, ModelChangeResult } from '../../domain/model-change.ts';
import { ServiceError } from '../../services/errors.ts';
import { chooseVersion, readVersions } from '../../services/machine-learning/find-version.ts';
import { archiveModelVersion } from '../../services/machine-learning/model-versions.ts';
import type { Cloud } from './cloud.ts';
import { followLatest } from './follow-latest.ts';
import { modelOfSite } from './model-of-site.ts';

type Archiving = Extract<ModelChangeRequest['change'], { action: 'archive' | 'restore' }>;

/**
 * An archived version keeps its number, its files and its image, and is neither deployed nor named by an alias; it can be
 * restored. `latest` follows at once. Asking twice is one change.
 * @throws ServiceError `NoSuchModel`, `NoSuchVersion`, `VersionNamed` (input), `ModelOfAnotherSite` (policy)
 */
export async function archiveVersion(cloud: Cloud, change: Archiving, at: string): Promise<ModelChangeResult> {
  const { site, model, version, action, by } = change;
  const workspace = await cloud.workspace();
  const container = await modelOfSite(cloud, workspace, change);
  const versions = await readVersions(workspace, model);
  const there = chooseVersion(
    { workspace: workspace.name, model, container, versions },
    { version },
    { archivedToo: true },
  );
  const named = aliasesIn(container.properties.tags ?? {}).filter((alias) => alias.version === version);
  if (action === 'archive' && named.length > 0)
    throw versionNamed(
      model,
      version,
      named.map(({ alias }) => alias),
    );
  if (there.archived !== (action === 'archive'))
    await archiveModelVersion(workspace, model, version, action === 'archive');
  await followLatest(cloud, { site, model }, { by, at });
  return { site, model, version, archived: action === 'archive' };
}

function versionNamed(model: string, version: number, aliases: readonly string[]): ServiceError {
  return new ServiceError({
    class: 'input',
    type: 'VersionNamed',
    cause: `${model} version ${version} is not archived: it is ${aliases.join(' and ')}.`,
    nextStep: 'Give the alias to another version first: edge-train models promote MODEL:VERSION --alias NAME.',
    retryable: false,
  });
}
