import { z } from 'zod';
import { withBody, type ArmRoute } from '../server/arm.ts';
import { Failure, notImplemented } from '../server/errors.ts';
import { json, type Reply } from '../server/front.ts';
import { anyCase, resource, tags } from '../server/schema.ts';
import type { Change } from '../server/store.ts';
import {
  findResource,
  groupId,
  listResources,
  put,
  requireGroup,
  requireLocation,
  requireResource,
  shown,
  typePath,
  type Hub,
  type ResourceRecord,
} from './hub.ts';
import { scopeLocked } from './groups.ts';

const accountType = 'Microsoft.Storage/storageAccounts';
const versions = ['2019-06-01'];
const collection = `/subscriptions/{subscriptionId}/resourceGroups/{group}/providers/${accountType}`;

const account = resource(
  z.strictObject({ supportsHttpsTrafficOnly: z.literal(true, 'Plain HTTP is not emulated').optional() }),
  {
    location: z.string(),
    tags: tags.optional(),
    sku: z.strictObject({ name: anyCase(['Standard_LRS', 'Premium_LRS']), tier: z.string().optional() }),
    kind: z.literal('Storage', 'Stack Hub has general-purpose v1 accounts (Storage) only'),
  },
).partial({ properties: true });

/** The site's storage account, which the operator made; its keys. The subscription's quota is this one account. */
export function storageRoutes(hub: Hub): ArmRoute[] {
  const path = `${collection}/{name}`;
  const list = (group?: string) => json(200, { value: listResources(hub, accountType, group).map(shown) });
  return [
    {
      method: 'PUT',
      path,
      versions,
      ...withBody(account, 'storage', ({ params, body }) => putAccount(hub, params, body)),
    },
    { method: 'GET', path, versions, handle: ({ params }) => json(200, shown(requireAccount(hub, params))) },
    { method: 'DELETE', path, versions, handle: ({ params }) => deleteAccount(hub, params) },
    { method: 'GET', path: collection, versions, handle: ({ params }) => list(requireGroup(hub, params.group!)) },
    { method: 'GET', path: `/subscriptions/{subscriptionId}/providers/${accountType}`, versions, handle: () => list() },
    {
      method: 'POST',
      path: `${path}/listKeys`,
      versions,
      query: ['$expand'],
      handle: ({ params }) => listKeys(hub, params),
    },
  ];
}

/** The operator's account, there from the start. */
export function firstAccount(hub: Hub): Change[] {
  const { name } = hub.siteAccount;
  const id = `${groupId(hub, hub.config.storageAccountResourceGroup)}/providers/${typePath(accountType, name)}`;
  return [
    put({
      ...{ id, name, type: accountType, location: hub.config.location, etag: '' },
      more: { sku: { name: 'Standard_LRS', tier: 'Standard' }, kind: 'Storage' },
      properties: {
        creationTime: '2020-09-01T00:00:00.0000000Z',
        primaryEndpoints: { blob: `${hub.blobOrigin}/${name}/` },
        primaryLocation: hub.config.location,
        statusOfPrimary: 'available',
        supportsHttpsTrafficOnly: true,
        provisioningState: 'Succeeded',
      },
    }),
  ];
}

function putAccount(hub: Hub, params: Record<string, string>, body: z.infer<typeof account>): Reply {
  const { group, name } = params as { group: string; name: string };
  const id = `${requireGroup(hub, group, true)}/providers/${typePath(accountType, name)}`;
  if (!/^[a-z0-9]{3,24}$/.test(name)) {
    throw new Failure(
      400,
      'AccountNameInvalid',
      `${name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only.`,
    );
  }
  requireLocation(hub, body.location, accountType);
  const existing = findResource(hub, id);
  if (existing) {
    if (body.sku.name !== (existing.more!.sku as { name: string }).name)
      throw notImplemented('changing the SKU of a storage account');
    const { tags: _, ...rest } = existing;
    const next: ResourceRecord = { ...rest, ...(body.tags ? { tags: body.tags } : {}) };
    hub.store.commit([put(next)]);
    return json(200, shown(next));
  }
  if (name === hub.siteAccount.name)
    throw new Failure(409, 'StorageAccountAlreadyTaken', `The storage account named ${name} is already taken.`);
  throw new Failure(
    409,
    'MaxStorageAccountsCountPerSubscriptionExceeded',
    `Subscription ${hub.config.subscription} already contains 1 storage accounts in location ${hub.config.location} and the maximum allowed is 1.`,
  );
}

function deleteAccount(hub: Hub, params: Record<string, string>): Reply {
  const found = findResource(
    hub,
    `${requireGroup(hub, params.group!)}/providers/${typePath(accountType, params.name!)}`,
  );
  if (!found) return { status: 204 };
  throw scopeLocked(found.id);
}

function requireAccount(hub: Hub, params: Record<string, string>): ResourceRecord {
  return requireResource(hub, params.group!, accountType, params.name!);
}

function listKeys(hub: Hub, params: Record<string, string>): Reply {
  requireAccount(hub, params);
  return json(200, { keys: [{ keyName: 'key1', value: hub.siteAccount.key, permissions: 'FULL' }] });
}
