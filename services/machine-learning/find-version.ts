import { findAlias, LATEST } from '../../domain/model-alias.ts';
import { ServiceError } from '../errors.ts';
import { findModel, listVersions } from './model-versions.ts';
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

/** A version that is there and not archived. @throws ServiceError `NoSuchVersion`, `NoSuchAlias` (input) */
export async function findModelVersion(
  workspace: Workspace,
  model: string,
  { version, alias }: WantedVersion,
): Promise<FoundVersion> {
  const container = await findModel(workspace, model);
  if (!container) throw noSuch(workspace.name, `no model ${model}`);
  const named = alias === undefined || alias === LATEST ? undefined : findAlias(container.properties.tags ?? {}, alias);
  if (alias !== undefined && alias !== LATEST && !named) throw noAlias(workspace.name, model, alias);
  const wanted = named?.version ?? version;
  const versions = await readVersions(workspace, model);
  const found = versions.find((each) => !each.archived && (wanted === undefined || each.version === wanted));
  if (found) return { version: found.version, tags: found.tags };
  const isArchived = versions.some(({ version }) => version === wanted);
  throw noSuch(
    workspace.name,
    isArchived ? `archived ${model} ${wanted}` : `no ${wanted === undefined ? 'version' : wanted} of ${model}`,
  );
}

/** All versions of a model that have a number, archived ones too; the newest first. */
export async function readVersions(
  workspace: Workspace,
  model: string,
): Promise<(FoundVersion & { readonly archived: boolean })[]> {
  const found = (await listVersions(workspace, model)).flatMap((each) => {
    const { tags = {}, isArchived = false } = each.properties;
    const version = Number(each.name);
    const texts = Object.entries(tags).map(([key, value]) => [key, value ?? ''] as const);
    return Number.isSafeInteger(version) ? [{ version, tags: Object.fromEntries(texts), archived: isArchived }] : [];
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
