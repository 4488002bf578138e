import type { ArmRoute } from '../server/arm.ts';
import { Failure } from '../server/errors.ts';
import { json } from '../server/front.ts';
import { operationResult, operationStatus } from '../server/operations.ts';
import {
  findChild,
  put,
  requireWorkspace,
  systemData,
  workspaceId,
  workspacePath,
  workspaceVersions as versions,
  type Cloud,
} from './cloud.ts';
import type { Change } from '../server/store.ts';

const locations = '/subscriptions/{subscriptionId}/providers/Microsoft.MachineLearningServices/locations/{location}';

/** The workspace that the operator made, and where its operations are asked about. */
export function workspaceRoutes(cloud: Cloud): ArmRoute[] {
  const show = () => shownWorkspace(cloud);
  const collection = workspacePath.slice(0, workspacePath.lastIndexOf('/'));
  return [
    {
      method: 'GET',
      path: workspacePath,
      versions,
      handle: ({ params }) => json(200, (requireWorkspace(cloud, params), show())),
    },
    {
      ...{ method: 'GET', path: collection, versions },
      handle: ({ params }) =>
        json(200, (requireWorkspace(cloud, { ...params, workspace: cloud.config.workspace }), { value: [show()] })),
    },
    {
      method: 'GET',
      path: '/subscriptions/{subscriptionId}/providers/Microsoft.MachineLearningServices/workspaces',
      versions,
      handle: () => json(200, { value: [show()] }),
    },
    operationRoute(cloud, 'operations'),
    operationRoute(cloud, 'operationResults'),
  ];
}

/** The datastore that every workspace has from its start: a container of the release account. */
export function firstDatastore(cloud: Cloud): Change[] {
  const id = `${workspaceId(cloud)}/datastores/workspaceblobstore`;
  if (findChild(cloud, id)) return [];
  const { host } = new URL(cloud.releaseOrigin);
  return [
    put({
      ...{ id, name: 'workspaceblobstore', type: 'Microsoft.MachineLearningServices/workspaces/datastores' },
      properties: {
        ...{ description: null, tags: {}, properties: {}, isDefault: true, datastoreType: 'AzureBlob' },
        ...{
          accountName: cloud.releaseAccount.name,
          containerName: 'azureml-blobstore',
          endpoint: host,
          protocol: 'https',
        },
        credentials: { credentialsType: 'AccountKey' },
        serviceDataAccessAuthIdentity: 'None',
      },
      systemData: systemData(cloud),
    }),
  ];
}

function shownWorkspace(cloud: Cloud): Record<string, unknown> {
  const id = workspaceId(cloud);
  const { host } = new URL(cloud.origin);
  return {
    ...{
      id,
      name: cloud.config.workspace,
      type: 'Microsoft.MachineLearningServices/workspaces',
      location: cloud.config.location,
      tags: {},
    },
    etag: null,
    identity: { type: 'SystemAssigned', principalId: cloud.config.clientId, tenantId: cloud.config.tenant },
    sku: { name: 'Basic', tier: 'Basic' },
    properties: {
      friendlyName: cloud.config.workspace,
      workspaceId: cloud.config.subscription,
      provisioningState: 'Succeeded',
      mlFlowTrackingUri: `azureml://${host}/mlflow/v1.0${id}`,
      discoveryUrl: `${cloud.origin}/discovery`,
      containerRegistry: `/subscriptions/${cloud.config.subscription}/resourceGroups/${cloud.config.resourceGroup}/providers/Microsoft.ContainerRegistry/registries/sandbox`,
      storageAccount: `/subscriptions/${cloud.config.subscription}/resourceGroups/${cloud.config.resourceGroup}/providers/Microsoft.Storage/storageAccounts/${cloud.releaseAccount.name}`,
      hbiWorkspace: false,
      publicNetworkAccess: 'Enabled',
      v1LegacyMode: false,
    },
  };
}

/** The SDK repeats the operation's own query on the poll's URL. */
function operationRoute(cloud: Cloud, kind: 'operations' | 'operationResults'): ArmRoute {
  return {
    ...{ method: 'GET', path: `${locations}/${kind}/{operation}`, versions, query: ['underlyingResourceAction'] },
    handle: (call) => {
      const operation = cloud.operations.get(call.params.operation!);
      if (!operation)
        throw new Failure(404, 'OperationNotFound', `The operation ${call.params.operation} was not found.`);
      return kind === 'operations'
        ? operationStatus(operation, call.path)
        : operationResult(operation, `${cloud.origin}${call.target}`, undefined);
    },
  };
}
