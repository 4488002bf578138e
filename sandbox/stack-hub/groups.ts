import { z } from 'zod';
import { withBody, type ArmRoute } from '../server/arm.ts';
import { Failure } from '../server/errors.ts';
import { json, type Reply } from '../server/front.ts';
import { locationHeaders, operationResult, type Operation } from '../server/operations.ts';
import { tags } from '../server/schema.ts';
import type { Change } from '../server/store.ts';
import {
  groupId,
  inState,
  listResources,
  newEtag,
  remove,
  requireGroup,
  shown,
  type Hub,
  type ResourceRecord,
} from './hub.ts';
import { viewed } from './views.ts';
import { machineOf } from './virtual-machine.ts';

const versions = ['2019-10-01', '2016-06-01'];
const collection = 'stack-hub/group';
const base = '/subscriptions/{subscriptionId}';

const group = z.strictObject({
  ...{ id: z.string().optional(), name: z.string().optional(), type: z.string().optional() },
  location: z.string(),
  tags: tags.optional(),
  managedBy: z.string().optional(),
  properties: z.strictObject({ provisioningState: z.string().optional() }).optional(),
});

/** Resource groups (synchronous but for the delete), what is in them, and what the subscription is. */
export function groupRoutes(hub: Hub): ArmRoute[] {
  const path = `${base}/resourcegroups/{group}`;
  hub.operations.define('group.delete', { run: (operation) => emptyGroup(hub, operation) });
  return [
    {
      method: 'PUT',
      path,
      versions,
      ...withBody(group, 'resources', (call) => putGroup(hub, call.params.group!, call.body)),
    },
    { method: 'GET', path, versions, handle: (call) => json(200, shown(readGroup(hub, call.params.group!))) },
    {
      method: 'HEAD',
      path,
      versions,
      handle: (call) =>
        hub.store.get(collection, call.params.group!.toLowerCase()) ? { status: 204 } : { status: 404 },
    },
    { method: 'DELETE', path, versions, handle: (call) => deleteGroup(hub, call.params.group!, call) },
    {
      method: 'GET',
      path: `${base}/resourcegroups`,
      versions,
      handle: () => json(200, { value: hub.store.list<ResourceRecord>(collection).map(shown) }),
    },
    {
      method: 'GET',
      path: `${path}/resources`,
      versions,
      handle: (call) => listAll(hub, requireGroup(hub, call.params.group!)),
    },
    { method: 'GET', path: `${base}/resources`, versions, handle: () => listAll(hub) },
    { method: 'GET', path: base, versions: [...versions, '2018-06-01'], handle: () => json(200, subscription(hub)) },
    {
      ...{ method: 'GET', path: `${base}/operationResults/{operation}`, versions },
      handle: (call) => groupResult(hub, call.params.operation!, `${hub.origin}${call.target}`),
    },
  ];
}

/** The group that the operator made for the site's storage account. */
export function firstGroup(hub: Hub): Change[] {
  const name = hub.config.storageAccountResourceGroup;
  return hub.store.get(collection, name.toLowerCase())
    ? []
    : [{ collection, key: name.toLowerCase(), value: groupRecord(hub, name, undefined) }];
}

function putGroup(hub: Hub, name: string, body: z.infer<typeof group>): Reply {
  if (!/^[-\p{L}\p{N}._()]{1,90}$/u.test(name) || name.endsWith('.')) {
    throw new Failure(
      400,
      'InvalidResourceGroup',
      `The provided resource group name '${name}' has these invalid characters or a wrong length. The name can only be a letter, digit, '-', '.', '(', ')' or '_', at most 90 of them, and must not end with '.'.`,
    );
  }
  if (body.location.toLowerCase().replaceAll(' ', '') !== hub.config.location.toLowerCase()) {
    throw new Failure(
      400,
      'LocationNotAvailableForResourceGroup',
      `The provided location '${body.location}' is not available for resource group. List of available regions is '${hub.config.location}'.`,
    );
  }
  const existing = hub.store.get<ResourceRecord>(collection, name.toLowerCase());
  if (existing) requireGroup(hub, name, true);
  const record = groupRecord(hub, existing?.name ?? name, body.tags);
  hub.store.commit([{ collection, key: name.toLowerCase(), value: record }]);
  return json(existing ? 200 : 201, shown(record));
}

function groupRecord(hub: Hub, name: string, given: Record<string, string> | undefined): ResourceRecord {
  return {
    id: groupId(hub, name),
    name,
    type: 'Microsoft.Resources/resourceGroups',
    location: hub.config.location,
    ...(given ? { tags: given } : {}),
    etag: newEtag(),
    properties: { provisioningState: 'Succeeded' },
  };
}

function readGroup(hub: Hub, name: string): ResourceRecord {
  requireGroup(hub, name);
  return hub.store.get<ResourceRecord>(collection, name.toLowerCase())!;
}

function deleteGroup(hub: Hub, name: string, { method, path }: { method: string; path: string }): Reply {
  const record = readGroup(hub, name);
  if (name.toLowerCase() === hub.config.storageAccountResourceGroup.toLowerCase()) throw scopeLocked(record.id);
  const operation =
    hub.operations.busy(record.id) ??
    hub.operations.accept(
      { kind: 'group.delete', front: 'stack-hub', target: record.id.toLowerCase(), method, path, input: { name } },
      [{ collection, key: name.toLowerCase(), value: inState(record, 'Deleting') }],
    );
  return {
    status: 202,
    headers: locationHeaders(operation, {
      origin: hub.origin,
      base: `/subscriptions/${hub.config.subscription}`,
      version: versions[0]!,
    }),
  };
}

/** The operator's lock: what holds the site's data is not the product's to delete. */
export function scopeLocked(id: string): Failure {
  return new Failure(
    409,
    'ScopeLocked',
    `The scope '${id}' cannot perform delete operation because following scope(s) are locked: '${id}'. Please remove the lock and try again.`,
  );
}

async function emptyGroup(hub: Hub, operation: Operation): Promise<Change[]> {
  const { name } = operation.input as { name: string };
  const inside = listResources(hub, undefined, groupId(hub, name));
  for (const record of inside.filter(({ type }) => type === 'Microsoft.Compute/virtualMachines')) {
    await hub.machines.remove(machineOf(record));
  }
  return [...inside.map(({ id }) => remove(id)), { collection, key: name.toLowerCase() }];
}

function groupResult(hub: Hub, id: string, self: string): Reply {
  const operation = hub.operations.get(id);
  if (!operation) throw new Failure(404, 'OperationNotFound', `The operation '${id}' was not found.`);
  return operationResult(operation, self, undefined);
}

function listAll(hub: Hub, inGroup?: string): Reply {
  const top = listResources(hub, undefined, inGroup).filter(({ type }) => type.split('/').length === 2);
  return json(200, { value: top.map((record) => ({ ...viewed(hub, record), properties: undefined })) });
}

function subscription(hub: Hub): unknown {
  const id = hub.config.subscription;
  return {
    id: `/subscriptions/${id}`,
    subscriptionId: id,
    displayName: 'sandbox',
    state: 'Enabled',
    tenantId: 'adfs',
    locationPlacementId: '',
    quotaId: '',
  };
}
