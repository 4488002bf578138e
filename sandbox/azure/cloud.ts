import type { ServerConfig, StorageAccountKey } from '../server/config.ts';
import { Failure } from '../server/errors.ts';
import type { ModelServers } from '../model-servers/contract.ts';
import type { OperationPlace, Operations } from '../server/operations.ts';
import type { Change, Store } from '../server/store.ts';
import type { Credentials } from './dial.ts';

/** What the services of the cloud side share. */
export interface Cloud {
  config: ServerConfig['azure'];
  releaseAccount: StorageAccountKey;
  /** Of the release account's blob front, without the account. */
  releaseOrigin: string;
  origin: string;
  loginServer: string;
  store: Store;
  operations: Operations;
  /** Opens an SSH session to a public address, as Azure ML does when it attaches a VM. @throws Failure */
  dial(address: string, port: number, credentials: Credentials): Promise<void>;
  /** What managed online deployments run on. */
  modelServers: ModelServers;
}

export const workspaceVersions = ['2022-10-01'];
export const workspacePath =
  '/subscriptions/{subscriptionId}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices/workspaces/{workspace}';

const collection = 'azure/resource';

/** A child resource of the workspace, as GET shows it. */
export interface WorkspaceResource {
  id: string;
  name: string;
  type: string;
  properties: Record<string, unknown>;
  systemData: {
    createdAt: string;
    createdBy: string;
    createdByType: string;
    lastModifiedAt: string;
    lastModifiedBy: string;
    lastModifiedByType: string;
  };
  [member: string]: unknown;
}

export function findChild<T extends WorkspaceResource>(cloud: Cloud, id: string): T | undefined {
  return cloud.store.get(collection, id.toLowerCase());
}

/** Direct children in this collection (`{id}/models`), oldest first. */
export function listChildren<T extends WorkspaceResource>(cloud: Cloud, parent: string): T[] {
  const prefix = `${parent}/`.toLowerCase();
  return cloud.store.list<T>(collection, prefix).filter(({ id }) => !id.slice(prefix.length).includes('/'));
}

export function put(resource: WorkspaceResource): Change {
  return { collection, key: resource.id.toLowerCase(), value: resource };
}

export function remove(id: string): Change {
  return { collection, key: id.toLowerCase() };
}

export function workspaceId({ config }: Cloud): string {
  return `/subscriptions/${config.subscription}/resourceGroups/${config.resourceGroup}/providers/Microsoft.MachineLearningServices/workspaces/${config.workspace}`;
}

/** The workspace's id in its own spelling. @throws Failure 404 */
export function requireWorkspace(cloud: Cloud, { group, workspace }: Record<string, string>): string {
  const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();
  if (!same(group!, cloud.config.resourceGroup))
    throw new Failure(404, 'ResourceGroupNotFound', `Resource group '${group}' could not be found.`);
  if (same(workspace!, cloud.config.workspace)) return workspaceId(cloud);
  throw new Failure(
    404,
    'ResourceNotFound',
    `The Resource 'Microsoft.MachineLearningServices/workspaces/${workspace}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  );
}

export function systemData(cloud: Cloud, existing?: WorkspaceResource): WorkspaceResource['systemData'] {
  const now = new Date().toISOString();
  const by = cloud.config.clientId;
  const created = existing?.systemData ?? { createdAt: now, createdBy: by, createdByType: 'Application' };
  return {
    ...{ createdAt: created.createdAt, createdBy: created.createdBy, createdByType: created.createdByType },
    ...{ lastModifiedAt: now, lastModifiedBy: by, lastModifiedByType: 'Application' },
  };
}

export function cloudPlace({ config, origin }: Cloud): OperationPlace {
  const base = `/subscriptions/${config.subscription}/providers/Microsoft.MachineLearningServices/locations/${config.location}`;
  return { origin, base, version: workspaceVersions[0]! };
}

/** One page of a list with the link to the next: `$skip`, `$top` (of all pages together), `count` (of one). */
export function page<T>(
  cloud: Cloud,
  call: { path: string; query: URLSearchParams },
  all: T[],
): { value: T[]; nextLink?: string } {
  const skip = wholeNumber(call.query, '$skip', 0);
  const top = wholeNumber(call.query, '$top', Infinity);
  const size = Math.min(top, wholeNumber(call.query, 'count', pageSize) || pageSize, pageSize);
  const value = all.slice(skip, skip + size);
  const left = Math.min(all.length - skip, top) - value.length;
  if (left <= 0) return { value };
  const next = new URLSearchParams(call.query);
  next.set('$skip', String(skip + value.length));
  if (top !== Infinity) next.set('$top', String(top - value.length));
  return { value, nextLink: `${cloud.origin}${call.path}?${next}` };
}

const pageSize = 30;

function wholeNumber(query: URLSearchParams, name: string, otherwise: number): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Failure(
    400,
    'ValidationError',
    `The value '${text}' of the query parameter ${name} is not a whole number.`,
    { target: name },
  );
}
