import { ServiceError } from '../errors.ts';
import { findModel, listVersions } from './model-versions.ts';
import type { Workspace } from './workspace.ts';

export interface FoundVersion {
  readonly version: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** A version that is there and not archived; the newest where none is asked for. @throws ServiceError `NoSuchVersion` (input) */
export async function findModelVersion(
  workspace: Workspace,
  model: string,
  wanted: number | undefined,
): Promise<FoundVersion> {
  const { name } = workspace;
  if (!(await findModel(workspace, model))) throw noSuch(name, `no model ${model}`);
  const versions = (await listVersions(workspace, model)).flatMap((each) => {
    const { tags = {}, isArchived = false } = each.properties;
    const version = Number(each.name);
    const texts = Object.entries(tags).map(([key, value]) => [key, value ?? ''] as const);
    return Number.isSafeInteger(version) ? [{ version, tags: Object.fromEntries(texts), archived: isArchived }] : [];
  });
  const offered = versions.filter(({ archived }) => !archived);
  const found =
    wanted === undefined
      ? offered.toSorted((a, b) => b.version - a.version)[0]
      : offered.find(({ version }) => version === wanted);
  if (found) return { version: found.version, tags: found.tags };
  const isArchived = versions.some(({ version }) => version === wanted);
  throw noSuch(
    name,
    isArchived ? `archived ${model} ${wanted}` : `no ${wanted === undefined ? 'version' : wanted} of ${model}`,
  );
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
