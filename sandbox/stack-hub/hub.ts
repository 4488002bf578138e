import { randomUUID } from 'node:crypto';
import type { Machines } from '../machines/contract.ts';
import type { ServerConfig, StorageAccountKey } from '../server/config.ts';
import { Failure } from '../server/errors.ts';
import type { Operations } from '../server/operations.ts';
import type { Change, Store } from '../server/store.ts';

/** What the providers of the Stack Hub share. */
export interface Hub {
  config: ServerConfig['stackHub'];
  siteAccount: StorageAccountKey;
  /** Of the site's blob front, without the account. */
  blobOrigin: string;
  /** `https://host:port` of this ARM. */
  origin: string;
  store: Store;
  operations: Operations;
  machines: Machines;
}

/** A resource as it is kept: what GET shows, and what it never shows. */
export interface ResourceRecord {
  id: string;
  name: string;
  type: string;
  location?: string;
  tags?: Record<string, string>;
  etag: string;
  properties: Record<string, unknown> & { provisioningState?: string };
  /** Other members of the resource, as sku. */
  more?: Record<string, unknown>;
  hidden?: Record<string, unknown>;
}

const collection = 'stack-hub/resource';

export function findResource(hub: Hub, id: string): ResourceRecord | undefined {
  return hub.store.get(collection, id.toLowerCase());
}

/** Resources of a type, all or of one group. */
export function listResources(hub: Hub, type?: string, groupId?: string): ResourceRecord[] {
  const prefix = groupId === undefined ? '' : `${groupId.toLowerCase()}/providers/`;
  const found = hub.store.list<ResourceRecord>(collection, prefix);
  return type === undefined ? found : found.filter((each) => each.type.toLowerCase() === type.toLowerCase());
}

export function put(record: ResourceRecord): Change {
  return { collection, key: record.id.toLowerCase(), value: { ...record, etag: newEtag() } };
}

export function remove(id: string): Change {
  return { collection, key: id.toLowerCase() };
}

export function inState(record: ResourceRecord, provisioningState: string): ResourceRecord {
  return { ...record, properties: { ...record.properties, provisioningState } };
}

export function newEtag(): string {
  return `W/"${randomUUID()}"`;
}

export function groupId(hub: Hub, group: string): string {
  return `/subscriptions/${hub.config.subscription}/resourceGroups/${group}`;
}

/** The group's own spelling of its id. @throws Failure 404 ResourceGroupNotFound, 409 ResourceGroupBeingDeleted on a write */
export function requireGroup(hub: Hub, group: string, write = false): string {
  const record = hub.store.get<ResourceRecord>('stack-hub/group', group.toLowerCase());
  if (!record) throw new Failure(404, 'ResourceGroupNotFound', `Resource group '${group}' could not be found.`);
  if (write && record.properties.provisioningState === 'Deleting') {
    throw new Failure(
      409,
      'ResourceGroupBeingDeleted',
      `The resource group '${group}' is in deprovisioning state and cannot perform this operation.`,
    );
  }
  return groupId(hub, record.name);
}

/** @throws Failure 404 */
export function requireResource(hub: Hub, group: string, type: string, name: string): ResourceRecord {
  const id = `${requireGroup(hub, group)}/providers/${typePath(type, name)}`;
  const found = findResource(hub, id);
  if (!found) throw notFound(type, name, group);
  return found;
}

export function notFound(type: string, name: string, group: string): Failure {
  return new Failure(
    404,
    'ResourceNotFound',
    `The Resource '${typePath(type, name)}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  );
}

export function parentNotFound(parent: string, child: string): Failure {
  return new Failure(
    404,
    'ParentResourceNotFound',
    `Can not perform requested operation on nested resource. Parent resource '${parent}' not found.`,
    {
      target: child,
    },
  );
}

/** `Microsoft.Compute/virtualMachines` + `vm` (children: `a/b` with `vm/ext`) as in an id. */
export function typePath(type: string, name: string): string {
  const [namespace, ...types] = type.split('/');
  const names = name.split('/');
  return [namespace, ...types.flatMap((part, index) => [part, names[index]])].join('/');
}

/** @throws Failure 400 LocationNotAvailableForResourceType */
export function requireLocation(hub: Hub, location: string, type: string): string {
  if (location.toLowerCase().replaceAll(' ', '') === hub.config.location.toLowerCase()) return hub.config.location;
  throw new Failure(
    400,
    'LocationNotAvailableForResourceType',
    `The provided location '${location}' is not available for resource type '${type}'. List of available regions for the resource type is '${hub.config.location}'.`,
  );
}

/** If-Match and If-None-Match of a write. @throws Failure 412 PreconditionFailed */
export function checkEtag(
  headers: Record<string, string | string[] | undefined>,
  existing: ResourceRecord | undefined,
): void {
  const match = headers['if-match'];
  const fails =
    (match !== undefined && (!existing || (match !== '*' && match !== existing.etag))) ||
    (headers['if-none-match'] === '*' && existing !== undefined);
  if (fails)
    throw new Failure(
      412,
      'PreconditionFailed',
      "The condition that the request's If-Match or If-None-Match header states does not hold.",
    );
}

/** What GET answers. */
export function shown(record: ResourceRecord): Record<string, unknown> {
  const { id, name, type, location, tags, properties, more } = record;
  return {
    id,
    name: name.split('/').at(-1),
    type,
    ...(location ? { location } : {}),
    ...(tags ? { tags } : {}),
    ...more,
    properties,
  };
}
