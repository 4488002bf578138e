import { findAlias, LATEST } from '../../domain/model-alias.ts';
import { ServiceError } from '../errors.ts';
import { findModel, listVersions, type ModelContainer } from './model-versions.ts';
import type { Workspace } from './workspace.ts';

export interface FoundVersion {
  readonly version: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** One version, by its number or by an alias; the newest where neither is said. */
export interface WantedVersion {
  readonly version?: number | undefined;
  readonly alias?: string | undefined;
}

/** All that Azure ML says of a version. */
export interface ReadVersion extends FoundVersion {
  readonly archived: boolean;
  /** When it was registered. */
  readonly at?: string;
  readonly type: string;
  readonly modelUri: string;
  readonly resourceId: string;
}

/** A model with all of its versions. */
export interface ReadModel {
  readonly workspace: string;
  readonly model: string;
  readonly container: ModelContainer;
  readonly versions: readonly ReadVersion[];
}

/** A version that is there and not archived. @throws ServiceError `NoSuchVersion`, `NoSuchAlias` (input) */
export async function findModelVersion(
  workspace: Workspace,
  model: string,
  wanted: WantedVersion,
): Promise<FoundVersion> {
  return chooseVersion(await readModel(workspace, model), wanted);
}

/** A model with all of its versions. @throws ServiceError `NoSuchVersion` (input) where there is none */
export async function readModel(workspace: Workspace, model: string): Promise<ReadModel> {
  const container = await findModel(workspace, model);
  if (!container) throw noSuch(workspace.name, `no model ${model}`);
  return { workspace: workspace.name, model, container, versions: await readVersions(workspace, model) };
}

/** The same, of what has been read. `archivedToo`: to be looked at. @throws ServiceError `NoSuchVersion`, `NoSuchAlias` (input) */
export function chooseVersion(
  { workspace, model, container, versions }: ReadModel,
  { version, alias }: WantedVersion,
  { archivedToo = false } = {},
): ReadVersion {
  const named = alias === undefined || alias === LATEST ? undefined : findAlias(container.properties.tags ?? {}, alias);
  if (alias !== undefined && alias !== LATEST && !named) throw noAlias(workspace, model, alias);
  const wanted = named?.version ?? version;
  const isOffered = ({ archived }: ReadVersion) => !archived || (archivedToo && wanted !== undefined);
  const found = versions.find((each) => isOffered(each) && (wanted === undefined || each.version === wanted));
  if (found) return found;
  const isArchived = versions.some((each) => each.version === wanted);
  throw noSuch(
    workspace,
    isArchived ? `archived ${model} ${wanted}` : `no ${wanted === undefined ? 'version' : wanted} of ${model}`,
  );
}

/** All versions of a model that have a number, archived ones too; the newest first. */
export async function readVersions(workspace: Workspace, model: string): Promise<ReadVersion[]> {
  const found = (await listVersions(workspace, model)).flatMap(({ name, id = '', properties, systemData }) => {
    const { tags = {}, isArchived = false, modelType = '', modelUri = '' } = properties;
    const version = Number(name);
    if (!Number.isSafeInteger(version)) return [];
    const texts = Object.entries(tags).map(([key, value]) => [key, value ?? ''] as const);
    const at = systemData?.createdAt?.toISOString();
    const known = { version, tags: Object.fromEntries(texts), archived: isArchived };
    return [{ ...known, type: modelType, modelUri, resourceId: id, ...(at === undefined ? {} : { at }) }];
  });
  return found.toSorted((a, b) => b.version - a.version);
}

function noSuch(workspace: string, what: string): ServiceError {
  return new ServiceError({
    class: 'input',
    type: 'NoSuchVersion',
    cause: `The workspace ${workspace} has ${what}.`,
    nextStep: 'Name a version that is registered and not archived: edge-train deploy MODEL:VERSION.',
    retryable: false,
  });
}

function noAlias(workspace: string, model: string, alias: string): ServiceError {
  return new ServiceError({
    class: 'input',
    type: 'NoSuchAlias',
    cause: `The model ${model} in the workspace ${workspace} has no alias ${alias}.`,
    nextStep: `Give it to a version: edge-train models promote ${model}:VERSION --alias ${alias}.`,
    retryable: false,
  });
}
