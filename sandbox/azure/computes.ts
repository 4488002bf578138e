import { z } from 'zod';
import { isIPv4 } from 'node:net';
import { withBody, type ArmCall, type ArmRoute } from '../server/arm.ts';
import { armError, Failure, notImplemented } from '../server/errors.ts';
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
import type { Credentials } from './dial.ts';

const echo = {
  id: z.string().optional(),
  name: z.string().optional(),
  type: z.string().optional(),
  systemData: z.unknown().optional(),
};
const account = z.strictObject({
  username: z.string().min(1),
  password: z.string().optional(),
  publicKeyData: z.string().optional(),
  privateKeyData: z.string().optional(),
});

const compute = z.strictObject({
  ...echo,
  location: z.string().optional(),
  tags: tags.optional(),
  properties: z.looseObject({ computeType: z.string() }),
});

const virtualMachine = z.strictObject({
  computeType: z.literal('VirtualMachine'),
  computeLocation: z.string().optional(),
  description: z.string().optional(),
  resourceId: z
    .string()
    .regex(/^\/subscriptions\//i, 'resourceId must be a resource id')
    .optional(),
  disableLocalAuth: z.boolean().optional(),
  provisioningState: z.string().optional(),
  properties: z.strictObject({
    virtualMachineSize: z.string().optional(),
    sshPort: z.int().min(1).max(65535).default(22),
    address: z.string().refine(isIPv4, { message: 'address must be the public IP address of the virtual machine' }),
    administratorAccount: account,
  }),
});

type VirtualMachine = z.infer<typeof virtualMachine>;

/** Compute targets of the type VirtualMachine: attach dials the VM, detach forgets it. PUT overwrites, as in Azure. */
export function computeRoutes(cloud: Cloud): ArmRoute[] {
  const path = `${workspacePath}/computes/{name}`;
  cloud.operations.define('compute.attach', {
    run: (operation) => attach(cloud, operation),
    fail: (operation, failure) => failed(cloud, operation, failure),
  });
  cloud.operations.define('compute.detach', { run: async ({ target }) => [remove(target)] });
  return [
    { method: 'PUT', path, versions, ...withBody(compute, 'machine-learning', (call) => putCompute(cloud, call)) },
    { method: 'GET', path, versions, handle: (call) => json(200, requireCompute(cloud, call.params)) },
    { method: 'DELETE', path, versions, query: ['underlyingResourceAction'], handle: (call) => detach(cloud, call) },
    {
      method: 'GET',
      path: `${workspacePath}/computes`,
      versions,
      query: ['$skip'],
      handle: (call) =>
        json(200, page(cloud, call, listChildren(cloud, `${requireWorkspace(cloud, call.params)}/computes`))),
    },
  ];
}

function putCompute(cloud: Cloud, call: ArmCall & { body: z.infer<typeof compute> }): Reply {
  const name = call.params.name!;
  const id = `${requireWorkspace(cloud, call.params)}/computes/${name}`;
  if (!/^[A-Za-z][A-Za-z0-9-]{0,14}[A-Za-z0-9]$/.test(name)) {
    throw new Failure(
      400,
      'ValidationError',
      `Compute name '${name}' is invalid. It must be 2 to 16 letters, digits and dashes, start with a letter and end with a letter or digit.`,
      { target: 'computeName' },
    );
  }
  if (call.body.properties.computeType !== 'VirtualMachine')
    throw notImplemented(`compute targets of the type ${call.body.properties.computeType}`);
  const properties = parse(call.body.properties);
  requireIdle(cloud, id);
  const existing = findChild(cloud, id);
  const { username, password, privateKeyData, publicKeyData } = properties.properties.administratorAccount;
  if (!password && !privateKeyData)
    throw new Failure(400, 'ValidationError', 'administratorAccount must have a password or privateKeyData.', {
      target: 'properties.properties.administratorAccount',
    });
  const now = new Date().toISOString();
  const shown: WorkspaceResource = {
    ...{
      id: existing?.id ?? id,
      name: existing?.name ?? name,
      type: 'Microsoft.MachineLearningServices/workspaces/computes',
    },
    location: call.body.location ?? cloud.config.location,
    ...(call.body.tags ? { tags: call.body.tags } : {}),
    properties: {
      ...properties,
      computeLocation: properties.computeLocation ?? cloud.config.location,
      properties: {
        ...properties.properties,
        administratorAccount: { username, ...(publicKeyData ? { publicKeyData } : {}) },
      },
      ...{ provisioningState: existing ? 'Updating' : 'Creating', provisioningErrors: null, isAttachedCompute: true },
      ...{ createdOn: existing?.properties.createdOn ?? now, modifiedOn: now },
    },
    systemData: systemData(cloud, existing),
  };
  const credentials: Credentials = { username, password, privateKey: privateKeyData };
  const operation = cloud.operations.accept(
    {
      kind: 'compute.attach',
      front: 'azure',
      target: id.toLowerCase(),
      method: call.method,
      path: call.path,
      input: { address: properties.properties.address, port: properties.properties.sshPort, credentials },
    },
    [put(shown)],
  );
  return json(existing ? 200 : 201, shown, asyncOperationHeaders(operation, cloudPlace(cloud), 201));
}

/** The type is known now: the rest is checked strictly. */
function parse(given: unknown): VirtualMachine {
  const result = virtualMachine.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const stranger =
    issue!.code === 'unrecognized_keys'
      ? `Could not find member '${issue!.keys[0]}' on object. `
      : `${issue!.message}. `;
  const target = ['properties', ...issue!.path.map(String)].join('.');
  throw new Failure(400, 'ValidationError', `${stranger}Path '${target}'`, { target });
}

async function attach(cloud: Cloud, { target, input }: Operation): Promise<Change[]> {
  const { address, port, credentials } = input as { address: string; port: number; credentials: Credentials };
  await cloud.dial(address, port, credentials);
  return settled(cloud, target, { provisioningState: 'Succeeded', provisioningErrors: null });
}

/** A failed attachment stays, with its errors, until it is detached or put again. */
function failed(cloud: Cloud, { target }: Operation, failure: Failure): Change[] {
  return settled(cloud, target, { provisioningState: 'Failed', provisioningErrors: [{ error: armError(failure) }] });
}

function settled(cloud: Cloud, id: string, state: Record<string, unknown>): Change[] {
  const found = findChild(cloud, id);
  return found ? [put({ ...found, properties: { ...found.properties, ...state } })] : [];
}

function detach(cloud: Cloud, call: ArmCall): Reply {
  const id = `${requireWorkspace(cloud, call.params)}/computes/${call.params.name}`;
  const action = call.query.get('underlyingResourceAction');
  if (action !== 'Detach') {
    const message =
      action === null
        ? "The query parameter 'underlyingResourceAction' is required."
        : `An attached virtual machine can only be detached: underlyingResourceAction '${action}' is not valid for it.`;
    throw new Failure(400, 'ValidationError', message, { target: 'underlyingResourceAction' });
  }
  const found = findChild(cloud, id);
  if (!found) return { status: 204 };
  const busy = cloud.operations.busy(id);
  if (busy && busy.kind !== 'compute.detach') requireIdle(cloud, id);
  const operation =
    busy ??
    cloud.operations.accept(
      {
        kind: 'compute.detach',
        front: 'azure',
        target: id.toLowerCase(),
        method: call.method,
        path: call.path,
        input: null,
      },
      settled(cloud, id, { provisioningState: 'Deleting' }),
    );
  return { status: 202, headers: locationHeaders(operation, cloudPlace(cloud)) };
}

function requireCompute(cloud: Cloud, params: Record<string, string>): WorkspaceResource {
  const found = findChild(cloud, `${requireWorkspace(cloud, params)}/computes/${params.name}`);
  if (found) return found;
  throw new Failure(
    404,
    'ResourceNotFound',
    `The Resource 'Microsoft.MachineLearningServices/workspaces/${params.workspace}/computes/${params.name}' under resource group '${params.group}' was not found.`,
  );
}

function requireIdle(cloud: Cloud, id: string): void {
  if (cloud.operations.busy(id))
    throw new Failure(
      409,
      'Conflict',
      `The compute ${id.split('/').at(-1)} has an operation in progress. Wait for it and try again.`,
    );
}
