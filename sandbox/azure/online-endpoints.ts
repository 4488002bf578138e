import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { withBody, type ArmCall, type ArmRoute } from '../server/arm.ts';
import { Failure, notImplemented } from '../server/errors.ts';
import { json, type Reply } from '../server/front.ts';
import { asyncOperationHeaders, locationHeaders, type Operation } from '../server/operations.ts';
import { tags } from '../server/schema.ts';
import type { Change } from '../server/store.ts';
import {
  cloudPlace,
  findChild,
  listChildren,
  page,
  put,
  remove,
  requireWorkspace,
  systemData,
  workspacePath,
  workspaceVersions as versions,
  type Cloud,
  type WorkspaceResource,
} from './cloud.ts';

export const echo = {
  id: z.string().optional(),
  name: z.string().optional(),
  type: z.string().optional(),
  systemData: z.unknown().optional(),
  kind: z.string().optional(),
};
const pairs = z.record(z.string(), z.string());

const endpoint = z.strictObject({
  ...echo,
  location: z.string(),
  tags: tags.optional(),
  sku: z.unknown().optional(),
  identity: z.looseObject({ type: z.string() }),
  properties: z.strictObject({
    authMode: z.enum(['Key', 'AMLToken', 'AADToken']),
    description: z.string().nullable().optional(),
    properties: pairs.optional(),
    traffic: z.record(z.string(), z.int().min(0).max(100)).optional(),
    publicNetworkAccess: z.enum(['Enabled', 'Disabled']).optional(),
    ...{ compute: z.unknown().optional(), keys: z.unknown().optional() },
    // Read-only, as GET shows them.
    ...{
      provisioningState: z.string().optional(),
      scoringUri: z.unknown().optional(),
      swaggerUri: z.unknown().optional(),
    },
  }),
});
const change = z.strictObject({ tags: tags.optional(), identity: z.unknown().optional() });

export interface OnlineEndpoint extends WorkspaceResource {
  properties: { traffic: Record<string, number>; provisioningState: string } & Record<string, unknown>;
}

/** Managed online endpoints with key authentication (api-version 2022-10-01; PUT and DELETE are long operations, PATCH is not). */
export function endpointRoutes(cloud: Cloud): ArmRoute[] {
  const endpoints = `${workspacePath}/onlineEndpoints`;
  const path = `${endpoints}/{endpoint}`;
  cloud.operations.define('endpoint.put', {
    run: async ({ target, input }) => settled(cloud, target, input as object),
  });
  cloud.operations.define('endpoint.delete', { run: (operation) => forget(cloud, operation) });
  return [
    { method: 'PUT', path, versions, ...withBody(endpoint, 'machine-learning', (call) => putEndpoint(cloud, call)) },
    { method: 'PATCH', path, versions, ...withBody(change, 'machine-learning', (call) => patchEndpoint(cloud, call)) },
    { method: 'GET', path, versions, handle: (call) => json(200, requireEndpoint(cloud, call.params)) },
    { method: 'DELETE', path, versions, handle: (call) => deleteEndpoint(cloud, call) },
    {
      method: 'POST',
      path: `${path}/listKeys`,
      versions,
      handle: (call) => json(200, keysOf(cloud, requireEndpoint(cloud, call.params).id)),
    },
    {
      method: 'GET',
      path: endpoints,
      versions,
      query: ['$skip', 'count'],
      handle: (call) =>
        json(200, page(cloud, call, listChildren(cloud, `${requireWorkspace(cloud, call.params)}/onlineEndpoints`))),
    },
  ];
}

export function endpointId(cloud: Cloud, params: Record<string, string>): string {
  return `${requireWorkspace(cloud, params)}/onlineEndpoints/${params.endpoint}`;
}

/** @throws Failure 404 */
export function requireEndpoint(cloud: Cloud, params: Record<string, string>): OnlineEndpoint {
  const found = findChild<OnlineEndpoint>(cloud, endpointId(cloud, params));
  if (found) return found;
  throw new Failure(404, 'ResourceNotFound', `The online endpoint ${params.endpoint} was not found.`);
}

/** @throws Failure 409 */
export function requireIdle(cloud: Cloud, id: string): void {
  if (!cloud.operations.busy(id)) return;
  throw new Failure(
    409,
    'Conflict',
    `${id.split('/').at(-1)} has an operation in progress. Wait for it and try again.`,
  );
}

/** 3 to 32 letters, digits and -, from a letter: the limits of managed online endpoints and of their deployments. */
export function checkOnlineName(what: string, name: string): void {
  if (/^[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]$/.test(name)) return;
  const rule = '3 to 32 letters, digits and -, from a letter, not ending in -';
  throw new Failure(400, 'ValidationError', `The ${what} name '${name}' is invalid: ${rule}.`, { target: 'name' });
}

const keyCollection = 'azure/endpoint-key';

/** Never part of the resource. */
export function keysOf(cloud: Cloud, id: string): { primaryKey: string; secondaryKey: string } {
  return cloud.store.get(keyCollection, id.toLowerCase())!;
}

function putEndpoint(cloud: Cloud, call: ArmCall & { body: z.infer<typeof endpoint> }): Reply {
  const name = call.params.endpoint!;
  checkOnlineName('endpoint', name);
  const id = endpointId(cloud, call.params);
  const existing = findChild<OnlineEndpoint>(cloud, id);
  checkEmulated(call.body);
  checkLocation(cloud, call.body.location);
  requireIdle(cloud, id);
  const { authMode, description = null, properties = {}, traffic, publicNetworkAccess } = call.body.properties;
  const shared = traffic ?? existing?.properties.traffic ?? {};
  checkTraffic(cloud, id, shared);
  const at = `${cloud.origin}/inference/${existing?.name ?? name}`;
  const shown: OnlineEndpoint = {
    ...{ id: existing?.id ?? id, name: existing?.name ?? name },
    type: 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints',
    ...{ location: cloud.config.location, tags: call.body.tags ?? {}, kind: 'Managed' },
    identity: existing?.identity ?? {
      ...{ type: 'SystemAssigned', principalId: randomUUID(), tenantId: cloud.config.tenant },
    },
    properties: {
      ...{ authMode, description, properties, publicNetworkAccess: publicNetworkAccess ?? 'Enabled', compute: null },
      ...{ keys: null, scoringUri: `${at}/score`, swaggerUri: `${at}/swagger.json` },
      ...{ traffic: existing?.properties.traffic ?? {}, provisioningState: existing ? 'Updating' : 'Creating' },
    },
    systemData: systemData(cloud, existing),
  };
  const operation = cloud.operations.accept(request('endpoint.put', id, call, { traffic: shared }), [
    put(shown),
    ...(existing ? [] : [{ collection: keyCollection, key: id.toLowerCase(), value: newKeys() }]),
  ]);
  const headers = {
    ...asyncOperationHeaders(operation, cloudPlace(cloud), 201),
    'x-ms-async-operation-timeout': 'PT1H',
  };
  return json(existing ? 200 : 201, shown, headers);
}

function patchEndpoint(cloud: Cloud, call: ArmCall & { body: z.infer<typeof change> }): Reply {
  const found = requireEndpoint(cloud, call.params);
  requireIdle(cloud, found.id);
  if (call.body.identity !== undefined) throw notImplemented('changing the identity of an online endpoint');
  const shown = { ...found, tags: call.body.tags ?? found.tags, systemData: systemData(cloud, found) };
  cloud.store.commit([put(shown)]);
  return json(200, shown);
}

function deleteEndpoint(cloud: Cloud, call: ArmCall): Reply {
  const found = findChild<OnlineEndpoint>(cloud, endpointId(cloud, call.params));
  if (!found) return { status: 204 };
  const busy = cloud.operations.busy(found.id);
  if (busy?.kind !== 'endpoint.delete') requireIdle(cloud, found.id);
  const operation =
    busy ??
    cloud.operations.accept(request('endpoint.delete', found.id, call, null), settled(cloud, found.id, {}, 'Deleting'));
  return { status: 202, headers: locationHeaders(operation, cloudPlace(cloud)) };
}

/** With its deployments. */
async function forget(cloud: Cloud, { target }: Operation): Promise<Change[]> {
  const deployments = listChildren(cloud, `${target}/deployments`);
  for (const { id } of deployments) await cloud.modelServers.remove(serverName(id));
  return [...deployments.map(({ id }) => remove(id)), remove(target), { collection: keyCollection, key: target }];
}

/** What a deployment's server is called: by its endpoint and its own name, which are unique in a sandbox. */
export function serverName(deploymentId: string): string {
  const [endpoint, , deployment] = deploymentId.toLowerCase().split('/').slice(-3);
  return `${endpoint}.${deployment}`;
}

function settled(cloud: Cloud, id: string, changed: object, provisioningState = 'Succeeded'): Change[] {
  const found = findChild(cloud, id);
  return found ? [put({ ...found, properties: { ...found.properties, ...changed, provisioningState } })] : [];
}

export function request(kind: string, id: string, { method, path }: ArmCall, input: unknown) {
  return { kind, front: 'azure', target: id.toLowerCase(), method, path, input };
}

function checkEmulated({ identity, properties }: z.infer<typeof endpoint>): void {
  if (properties.authMode !== 'Key') throw notImplemented(`online endpoints with authMode ${properties.authMode}`);
  if (properties.compute != null) throw notImplemented('online endpoints on a compute');
  if (properties.keys != null) throw notImplemented('keys that are brought to an online endpoint');
  if (identity.type !== 'SystemAssigned') throw notImplemented(`online endpoints with an identity ${identity.type}`);
}

export function checkLocation({ config }: Cloud, location: string): void {
  if (location.replaceAll(' ', '').toLowerCase() === config.location) return;
  const message = `The location '${location}' is not the workspace's, '${config.location}'.`;
  throw new Failure(400, 'ValidationError', message, { target: 'location' });
}

/** All of it or none, and only to deployments that are there and have succeeded. @throws Failure 400 */
function checkTraffic(cloud: Cloud, id: string, traffic: Record<string, number>): void {
  const refuse = (message: string) => new Failure(400, 'ValidationError', message, { target: 'properties.traffic' });
  const sum = Object.values(traffic).reduce((one, other) => one + other, 0);
  if (sum !== 0 && sum !== 100) throw refuse(`Traffic values need to sum to 0 or 100, and they sum to ${sum}.`);
  for (const [name, percent] of Object.entries(traffic)) {
    const found = findChild(cloud, `${id}/deployments/${name}`);
    if (!found) throw refuse(`The deployment '${name}' does not exist on the endpoint.`);
    if (percent > 0 && found.properties.provisioningState !== 'Succeeded')
      throw refuse(`The deployment '${name}' has not succeeded: it takes no traffic.`);
  }
}

const newKeys = () => ({
  primaryKey: randomBytes(24).toString('base64url'),
  secondaryKey: randomBytes(24).toString('base64url'),
});
