import { z } from 'zod';
import { withBody, type ArmCall, type ArmRoute } from '../server/arm.ts';
import { Failure } from '../server/errors.ts';
import { json, type Reply } from '../server/front.ts';
import { sameSecret } from '../stack-hub/ad-fs.ts';
import {
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

const credentials = z.discriminatedUnion('credentialsType', [
  z.strictObject({ credentialsType: z.literal('None') }),
  z.strictObject({
    credentialsType: z.literal('AccountKey'),
    secrets: z.strictObject({ secretsType: z.literal('AccountKey'), key: z.string() }),
  }),
  z.strictObject({
    credentialsType: z.literal('Sas'),
    secrets: z.strictObject({ secretsType: z.literal('Sas'), sasToken: z.string() }),
  }),
]);

const datastore = z.strictObject({
  ...{
    id: z.string().optional(),
    name: z.string().optional(),
    type: z.string().optional(),
    systemData: z.unknown().optional(),
  },
  properties: z.strictObject({
    datastoreType: z.literal('AzureBlob', 'AzureBlob is the only type of datastore that is emulated'),
    accountName: z.string(),
    containerName: z.string().regex(/^(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, 'The container name is invalid'),
    endpoint: z.string().optional(),
    protocol: z.enum(['https']).optional(),
    serviceDataAccessAuthIdentity: z
      .enum(['None', 'WorkspaceSystemAssignedIdentity', 'WorkspaceUserAssignedIdentity'])
      .optional(),
    credentials,
    description: z.string().optional(),
    properties: z.record(z.string(), z.string()).optional(),
    tags: z.record(z.string(), z.string()).optional(),
    isDefault: z.boolean().optional(),
  }),
});

/** Blob datastores. Secrets are checked (unless skipValidation) and forgotten: no GET shows them. */
export function datastoreRoutes(cloud: Cloud): ArmRoute[] {
  const path = `${workspacePath}/datastores/{name}`;
  return [
    {
      method: 'PUT',
      path,
      versions,
      query: ['skipValidation'],
      ...withBody(datastore, 'machine-learning', (call) => putDatastore(cloud, call)),
    },
    { method: 'GET', path, versions, handle: ({ params }) => json(200, requireDatastore(cloud, params)) },
    { method: 'DELETE', path, versions, handle: ({ params }) => deleteDatastore(cloud, params) },
    {
      ...{
        method: 'GET',
        path: `${workspacePath}/datastores`,
        versions,
        query: ['$skip', 'count', 'isDefault', 'names', 'orderByAsc'],
      },
      handle: (call) =>
        json(
          200,
          page(
            cloud,
            call,
            filtered(listChildren(cloud, `${requireWorkspace(cloud, call.params)}/datastores`), call.query),
          ),
        ),
    },
  ];
}

function putDatastore(cloud: Cloud, call: ArmCall & { body: z.infer<typeof datastore> }): Reply {
  const name = call.params.name!;
  const id = `${requireWorkspace(cloud, call.params)}/datastores/${name}`;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_]{0,254}$/.test(name))
    throw new Failure(
      400,
      'ValidationError',
      `Datastore name '${name}' is invalid: letters, digits and underscores only.`,
      { target: 'name' },
    );
  const { properties } = call.body;
  if (call.query.get('skipValidation')?.toLowerCase() !== 'true') checkAccess(cloud, properties);
  const existing = findChild(cloud, id);
  const { host } = new URL(cloud.releaseOrigin);
  const shown: WorkspaceResource = {
    ...{
      id: existing?.id ?? id,
      name: existing?.name ?? name,
      type: 'Microsoft.MachineLearningServices/workspaces/datastores',
    },
    properties: {
      ...{
        description: null,
        tags: {},
        properties: {},
        endpoint: host,
        protocol: 'https',
        serviceDataAccessAuthIdentity: 'None',
      },
      ...properties,
      isDefault: existing?.properties.isDefault ?? false,
      credentials: { credentialsType: properties.credentials.credentialsType },
    },
    systemData: systemData(cloud, existing),
  };
  cloud.store.commit([put(shown)]);
  return json(existing ? 200 : 201, shown);
}

/** The cloud reaches its own account only. */
function checkAccess(cloud: Cloud, { accountName, credentials: given }: z.infer<typeof datastore>['properties']): void {
  if (accountName !== cloud.releaseAccount.name)
    throw new Failure(400, 'UserError', `Unable to access the storage account '${accountName}'.`, {
      target: 'accountName',
    });
  if (given.credentialsType === 'AccountKey' && !sameSecret(given.secrets.key, cloud.releaseAccount.key)) {
    throw new Failure(400, 'UserError', `The credentials for the storage account '${accountName}' are not valid.`, {
      target: 'credentials',
    });
  }
}

function requireDatastore(cloud: Cloud, params: Record<string, string>): WorkspaceResource {
  const found = findChild(cloud, `${requireWorkspace(cloud, params)}/datastores/${params.name}`);
  if (!found) throw new Failure(404, 'UserError', `No datastore found with name: ${params.name}`);
  return found;
}

function deleteDatastore(cloud: Cloud, params: Record<string, string>): Reply {
  const found = findChild(cloud, `${requireWorkspace(cloud, params)}/datastores/${params.name}`);
  if (!found) return { status: 204 };
  if (found.properties.isDefault)
    throw new Failure(400, 'UserError', `The default datastore ${found.name} cannot be deleted.`);
  cloud.store.commit([remove(found.id)]);
  return { status: 200 };
}

function filtered(all: WorkspaceResource[], query: URLSearchParams): WorkspaceResource[] {
  const [onlyDefault, names] = [query.get('isDefault') === 'true', query.get('names')?.split(',')];
  const found = all.filter(
    ({ name, properties }) => (!onlyDefault || properties.isDefault === true) && (!names || names.includes(name)),
  );
  const oldestFirst = found.toSorted((one, other) =>
    one.systemData.createdAt.localeCompare(other.systemData.createdAt),
  );
  return query.get('orderByAsc') === 'true' ? oldestFirst : oldestFirst.toReversed();
}
