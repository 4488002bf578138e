import type { z } from 'zod';
import { withBody, type ArmCall, type ArmRoute } from '../server/arm.ts';
import { Failure } from '../server/errors.ts';
import { json, type Reply } from '../server/front.ts';
import { asyncOperationHeaders, operationResult, operationStatus, type OperationPlace } from '../server/operations.ts';
import type { Change } from '../server/store.ts';
import {
  checkEtag,
  findResource,
  inState,
  listResources,
  put,
  remove,
  requireGroup,
  requireLocation,
  requireResource,
  typePath,
  type Hub,
  type ResourceRecord,
} from './hub.ts';
import { networkInterface, publicIPAddress, securityGroup, virtualNetwork } from './network-bodies.ts';
import { checkedPublicAddress, checkedSecurityGroup, checkedVirtualNetwork } from './network-rules.ts';
import { checkedInterface } from './interface-rules.ts';
import { requireUnused } from './network-uses.ts';
import { subnetRoutes } from './subnets.ts';
import { securityRuleRoutes } from './rule-routes.ts';
import { viewed } from './views.ts';

export const networkVersions = ['2018-11-01'];
const provider = '/subscriptions/{subscriptionId}/resourceGroups/{group}/providers/Microsoft.Network';
const locations = '/subscriptions/{subscriptionId}/providers/Microsoft.Network/locations/{location}';

/** Virtual networks, security groups, public addresses and interfaces: 201 or 200 with Azure-AsyncOperation, then a GET. */
export function networkRoutes(hub: Hub): ArmRoute[] {
  hub.operations.define('network.put', {
    run: async ({ target }) => settle(hub, target, 'Succeeded'),
    fail: ({ target }) => settle(hub, target, 'Failed'),
  });
  hub.operations.define('network.delete', { run: async ({ target }) => [remove(target)] });
  return [
    ...resourceRoutes(hub, 'virtualNetworks', virtualNetwork, checkedVirtualNetwork),
    ...resourceRoutes(hub, 'networkSecurityGroups', securityGroup, checkedSecurityGroup),
    ...resourceRoutes(hub, 'publicIPAddresses', publicIPAddress, checkedPublicAddress),
    ...resourceRoutes(hub, 'networkInterfaces', networkInterface, checkedInterface),
    ...subnetRoutes(hub),
    ...securityRuleRoutes(hub),
    operationRoute(hub, 'operations'),
    operationRoute(hub, 'operationResults'),
  ];
}

/** Builds the record to keep from a checked body. @throws Failure 400 */
type Check<B> = (hub: Hub, record: ResourceRecord, body: B, existing: ResourceRecord | undefined) => ResourceRecord;

interface NetworkBody {
  location: string;
  tags?: Record<string, string> | undefined;
}

function resourceRoutes<B extends NetworkBody>(
  hub: Hub,
  kind: string,
  schema: z.ZodType<B>,
  check: Check<B>,
): ArmRoute[] {
  const type = `Microsoft.Network/${kind}`;
  const path = `${provider}/${kind}/{name}`;
  const versions = networkVersions;
  return [
    { method: 'PUT', path, versions, ...withBody(schema, 'network', (call) => putResource(hub, type, call, check)) },
    {
      method: 'GET',
      path,
      versions,
      handle: ({ params }) => json(200, viewed(hub, requireResource(hub, params.group!, type, params.name!))),
    },
    { method: 'DELETE', path, versions, handle: (call) => deleteResource(hub, type, call) },
    {
      method: 'GET',
      path: `${provider}/${kind}`,
      versions,
      handle: ({ params }) => listReply(hub, type, requireGroup(hub, params.group!)),
    },
    {
      method: 'GET',
      path: `/subscriptions/{subscriptionId}/providers/${type}`,
      versions,
      handle: () => listReply(hub, type),
    },
  ];
}

function putResource<B extends NetworkBody>(
  hub: Hub,
  type: string,
  call: ArmCall & { body: B },
  check: Check<B>,
): Reply {
  const { group, name } = call.params as { group: string; name: string };
  const id = `${requireGroup(hub, group, true)}/providers/${typePath(type, name)}`;
  const location = requireLocation(hub, call.body.location, type);
  checkName(type, name);
  const existing = findResource(hub, id);
  checkEtag(call.headers, existing);
  requireIdle(hub, id);
  const base: ResourceRecord = {
    ...{ id: existing?.id ?? id, name: existing?.name ?? name, type, location, etag: '', properties: {} },
    ...(call.body.tags ? { tags: call.body.tags } : {}),
    ...(existing?.hidden ? { hidden: existing.hidden } : {}),
  };
  const record = inState(check(hub, base, call.body, existing), 'Updating');
  const operation = hub.operations.accept(
    {
      kind: 'network.put',
      front: 'stack-hub',
      target: id.toLowerCase(),
      method: call.method,
      path: call.path,
      input: null,
    },
    [put(record)],
  );
  const answered = viewed(hub, findResource(hub, id)!);
  return json(existing ? 200 : 201, answered, asyncOperationHeaders(operation, networkPlace(hub), 201));
}

function deleteResource(hub: Hub, type: string, call: ArmCall): Reply {
  const { group, name } = call.params as { group: string; name: string };
  const record = findResource(hub, `${requireGroup(hub, group)}/providers/${typePath(type, name)}`);
  if (!record) return { status: 204 };
  checkEtag(call.headers, record);
  requireIdle(hub, record.id);
  requireUnused(hub, record);
  const operation = hub.operations.accept(
    {
      kind: 'network.delete',
      front: 'stack-hub',
      target: record.id.toLowerCase(),
      method: call.method,
      path: call.path,
      input: null,
    },
    [put(inState(record, 'Deleting'))],
  );
  return { status: 202, headers: asyncOperationHeaders(operation, networkPlace(hub), 202) };
}

/** Network names: 1 to 80 characters, from a letter or digit to a letter, digit or underscore. */
export function checkName(type: string, name: string): void {
  if (/^[A-Za-z0-9]([\w.-]{0,78}\w)?$/.test(name) && (type !== 'Microsoft.Network/virtualNetworks' || name.length > 1))
    return;
  throw new Failure(
    400,
    'InvalidResourceName',
    `Resource name ${name} is invalid. The name can be up to 80 characters long. It must begin with a word character, and it must end with a word character or with '_'. The name may contain word characters or '.', '-', '_'.`,
  );
}

/** The network provider answers 429 while it works on the resource. */
export function requireIdle(hub: Hub, id: string): void {
  const busy = hub.operations.busy(id);
  if (!busy) return;
  throw new Failure(429, 'RetryableError', 'A retryable error occurred.', {
    headers: { 'retry-after': '1' },
    details: [
      {
        code: 'RetryableErrorDueToAnotherOperation',
        message: `Operation on resource ${id} is in progress: ${busy.kind} (${busy.id}). The call can be retried in 1 seconds.`,
      },
    ],
  });
}

export function networkPlace(hub: Hub): OperationPlace {
  const base = `/subscriptions/${hub.config.subscription}/providers/Microsoft.Network/locations/${hub.config.location}`;
  return { origin: hub.origin, base, version: networkVersions[0]! };
}

function settle(hub: Hub, id: string, state: string): Change[] {
  const record = findResource(hub, id);
  return record ? [put(inState(record, state))] : [];
}

function listReply(hub: Hub, type: string, group?: string): Reply {
  return json(200, { value: listResources(hub, type, group).map((record) => viewed(hub, record)) });
}

function operationRoute(hub: Hub, kind: 'operations' | 'operationResults'): ArmRoute {
  return {
    ...{ method: 'GET', path: `${locations}/${kind}/{operation}`, versions: networkVersions },
    handle: (call) => {
      const operation = hub.operations.get(call.params.operation!);
      if (!operation) throw new Failure(404, 'OperationNotFound', `Operation ${call.params.operation} was not found.`);
      if (kind === 'operations') return operationStatus(operation, call.path);
      const left = findResource(hub, operation.target);
      return operationResult(operation, `${hub.origin}${call.target}`, left && viewed(hub, left));
    },
  };
}
