import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { withBody, type ArmCall, type ArmRoute } from '../server/arm.ts';
import { Failure, notImplemented } from '../server/errors.ts';
import { json, type Reply } from '../server/front.ts';
import { asyncOperationHeaders, locationHeaders } from '../server/operations.ts';
import { tags } from '../server/schema.ts';
import type { Change } from '../server/store.ts';
import {
  cloudPlace,
  findChild,
  listChildren,
  page,
  put,
  remove,
  systemData,
  workspacePath,
  workspaceVersions as versions,
  type Cloud,
  type WorkspaceResource,
} from './cloud.ts';
import { environmentOf, instanceTypes, startServer } from './deployed-server.ts';
import {
  checkLocation,
  checkOnlineName,
  echo,
  endpointId,
  request,
  requireEndpoint,
  requireIdle,
  serverName,
} from './online-endpoints.ts';

const duration = z.string().regex(/^PT(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?$/, 'a duration is ISO 8601, such as PT10S');
const probe = z.strictObject({
  failureThreshold: z.int().min(1).default(30),
  successThreshold: z.int().min(1).default(1),
  period: duration.default('PT10S'),
  timeout: duration.default('PT2S'),
  initialDelay: duration.default('PT10S'),
});
const deployment = z.strictObject({
  ...echo,
  location: z.string(),
  tags: tags.optional(),
  identity: z.unknown().optional(),
  sku: z.strictObject({ name: z.literal('Default'), capacity: z.int().min(1).max(20), tier: z.string().optional() }),
  properties: z.strictObject({
    endpointComputeType: z.string(),
    environmentId: z.string(),
    instanceType: z.string(),
    description: z.string().nullable().optional(),
    properties: z.record(z.string(), z.string()).optional(),
    environmentVariables: z.record(z.string(), z.string()).default({}),
    scaleSettings: z.strictObject({ scaleType: z.literal('Default') }).default({ scaleType: 'Default' }),
    requestSettings: z
      .strictObject({
        requestTimeout: duration.default('PT5S'),
        maxQueueWait: duration.default('PT0.5S'),
        maxConcurrentRequestsPerInstance: z.int().min(1).default(1),
      })
      .prefault({}),
    ...{ livenessProbe: probe.prefault({}), readinessProbe: probe.prefault({}) },
    ...{ appInsightsEnabled: z.boolean().default(false), egressPublicNetworkAccess: z.string().default('Enabled') },
    ...{
      model: z.unknown().optional(),
      modelMountPath: z.unknown().optional(),
      codeConfiguration: z.unknown().optional(),
    },
    provisioningState: z.string().optional(),
  }),
});

export interface OnlineDeployment extends WorkspaceResource {
  properties: z.infer<typeof deployment>['properties'] & Record<string, unknown>;
}

/** Deployments of an endpoint: a PUT pulls the environment's image and returns well when its server is ready. */
export function deploymentRoutes(cloud: Cloud): ArmRoute[] {
  const deployments = `${workspacePath}/onlineEndpoints/{endpoint}/deployments`;
  const path = `${deployments}/{deployment}`;
  cloud.operations.define('deployment.put', {
    run: async ({ target }) => {
      await startServer(cloud, findChild<OnlineDeployment>(cloud, target)!);
      return settled(cloud, target, 'Succeeded');
    },
    fail: ({ target }) => settled(cloud, target, 'Failed'),
  });
  cloud.operations.define('deployment.delete', {
    run: async ({ target }) => {
      await cloud.modelServers.remove(serverName(target));
      return [remove(target)];
    },
  });
  return [
    {
      method: 'PUT',
      path,
      versions,
      ...withBody(deployment, 'machine-learning', (call) => putDeployment(cloud, call)),
    },
    { method: 'GET', path, versions, handle: (call) => json(200, requireDeployment(cloud, call.params)) },
    { method: 'DELETE', path, versions, handle: (call) => deleteDeployment(cloud, call) },
    {
      method: 'GET',
      path: deployments,
      versions,
      query: ['$skip', '$top', '$orderBy'],
      handle: (call) =>
        json(200, page(cloud, call, listChildren(cloud, `${requireEndpoint(cloud, call.params).id}/deployments`))),
    },
  ];
}

/** What served before the server's own end serves again. */
export async function resumeDeployments(cloud: Cloud, endpoints: WorkspaceResource[]): Promise<void> {
  for (const { id } of endpoints)
    for (const each of listChildren(cloud, `${id}/deployments`))
      if (each.properties.provisioningState === 'Succeeded') await cloud.modelServers.resume(serverName(each.id));
}

function putDeployment(cloud: Cloud, call: ArmCall & { body: z.infer<typeof deployment> }): Reply {
  const name = call.params.deployment!;
  checkOnlineName('deployment', name);
  const endpoint = requireEndpoint(cloud, call.params);
  requireIdle(cloud, endpoint.id);
  const id = `${endpoint.id}/deployments/${name}`;
  checkLocation(cloud, call.body.location);
  checkEmulated(call.body);
  requireIdle(cloud, id);
  const { provisioningState: _, ...given } = call.body.properties;
  environmentOf(cloud, given.environmentId);
  const existing = findChild<OnlineDeployment>(cloud, id);
  if (existing && existing.properties.provisioningState !== 'Failed') requireSame(existing, given);
  const shown: OnlineDeployment = {
    ...{ id: existing?.id ?? id, name: existing?.name ?? name, kind: 'Managed' },
    type: 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments',
    ...{ location: cloud.config.location, tags: call.body.tags ?? {}, sku: call.body.sku },
    properties: { ...given, provisioningState: existing ? 'Updating' : 'Creating' },
    systemData: systemData(cloud, existing),
  };
  const operation = cloud.operations.accept(request('deployment.put', id, call, null), [put(shown)]);
  const headers = {
    ...asyncOperationHeaders(operation, cloudPlace(cloud), 201),
    'x-ms-async-operation-timeout': 'PT2H',
  };
  return json(existing ? 200 : 201, shown, headers);
}

function checkEmulated({ identity, properties }: z.infer<typeof deployment>): void {
  const { endpointComputeType, instanceType } = properties;
  if (endpointComputeType !== 'Managed') throw notImplemented(`online deployments of the type ${endpointComputeType}`);
  for (const member of ['model', 'modelMountPath', 'codeConfiguration'] as const)
    if (properties[member] != null) throw notImplemented(`online deployments with ${member}`);
  if (identity != null) throw notImplemented('online deployments with an identity of their own');
  if (Object.hasOwn(instanceTypes, instanceType)) return;
  const message = `The instance type '${instanceType}' is not supported for managed online deployments.`;
  throw new Failure(400, 'BadArgument', message, { target: 'properties.instanceType' });
}

function requireSame(existing: OnlineDeployment, given: object): void {
  const { provisioningState: _, ...before } = existing.properties;
  if (!isDeepStrictEqual(JSON.parse(JSON.stringify(before)), JSON.parse(JSON.stringify(given))))
    throw notImplemented('changing an online deployment');
}

function deleteDeployment(cloud: Cloud, call: ArmCall): Reply {
  const id = `${endpointId(cloud, call.params)}/deployments/${call.params.deployment}`;
  const found = findChild<OnlineDeployment>(cloud, id);
  if (!found) return { status: 204 };
  const percent = requireEndpoint(cloud, call.params).properties.traffic[found.name] ?? 0;
  if (percent > 0)
    throw new Failure(
      400,
      'BadRequest',
      `The deployment '${found.name}' takes ${percent} % of the traffic and cannot be deleted.`,
    );
  const busy = cloud.operations.busy(id);
  if (busy?.kind !== 'deployment.delete') requireIdle(cloud, id);
  const operation =
    busy ?? cloud.operations.accept(request('deployment.delete', id, call, null), settled(cloud, id, 'Deleting'));
  return { status: 202, headers: locationHeaders(operation, cloudPlace(cloud)) };
}

function settled(cloud: Cloud, id: string, provisioningState: string): Change[] {
  const found = findChild(cloud, id);
  return found ? [put({ ...found, properties: { ...found.properties, provisioningState } })] : [];
}

function requireDeployment(cloud: Cloud, params: Record<string, string>): WorkspaceResource {
  const found = findChild(cloud, `${requireEndpoint(cloud, params).id}/deployments/${params.deployment}`);
  if (found) return found;
  throw new Failure(
    404,
    'ResourceNotFound',
    `The deployment ${params.deployment} of the endpoint ${params.endpoint} was not found.`,
  );
}
