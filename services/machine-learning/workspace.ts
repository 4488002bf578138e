import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning';
import type { TokenCredential } from '@azure/core-auth';
import { ClientSecretCredential } from '@azure/identity';
import { toServiceError } from '../errors.ts';

export interface WorkspaceConnection {
  readonly endpoint: string;
  readonly audience: string;
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly workspace: string;
  readonly credential: TokenCredential;
  /** PEM of a certificate authority to trust instead of the system's. */
  readonly ca?: string;
  /** Ends whatever is under way. */
  readonly abortSignal?: AbortSignal;
}

/** An Azure Machine Learning workspace through the official ARM client, api-version 2022-10-01. */
export interface Workspace {
  readonly client: AzureMachineLearningWorkspaces;
  readonly group: string;
  readonly name: string;
  readonly resourceId: string;
  /** Runs the SDK's call; whatever it throws becomes a ServiceError that says what was being done. */
  call<T>(doing: string, work: () => Promise<T>): Promise<T>;
  /** The same, with undefined for a 404. */
  find<T>(doing: string, work: () => Promise<T>): Promise<T | undefined>;
}

export function openWorkspace(connection: WorkspaceConnection): Workspace {
  const { subscription, resourceGroup: group, workspace: name } = connection;
  const client = new AzureMachineLearningWorkspaces(connection.credential, subscription, {
    endpoint: connection.endpoint,
    credentialScopes: `${connection.audience.replace(/\/+$/, '')}/.default`,
    // Temporal retries whole activities; an SDK that retries too would multiply the attempts.
    retryOptions: { maxRetries: 0 },
    ...(connection.ca === undefined ? {} : { tlsOptions: { ca: connection.ca } }),
  });
  const { abortSignal } = connection;
  if (abortSignal) {
    client.pipeline.addPolicy({
      name: 'abort',
      sendRequest: (request, next) => {
        request.abortSignal ??= abortSignal;
        return next(request);
      },
    });
  }
  const call = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (isAbort(error)) throw error;
      throw toServiceError(error, `${doing} in the workspace ${name}`);
    }
  };
  return {
    client,
    group,
    name,
    resourceId: `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.MachineLearningServices/workspaces/${name}`,
    call,
    find: (doing, work) =>
      call(doing, async () => {
        try {
          return await work();
        } catch (error) {
          if ((error as { statusCode?: number }).statusCode === 404) return undefined;
          throw error;
        }
      }),
  };
}

export function openCredential(request: {
  readonly tenant: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly authority: string;
  readonly ca?: string;
}): TokenCredential {
  return new ClientSecretCredential(request.tenant, request.clientId, request.clientSecret, {
    authorityHost: request.authority,
    // The configuration says which authority is meant; asking Microsoft's whether it is one would leave the network.
    disableInstanceDiscovery: true,
    retryOptions: { maxRetries: 1 },
    ...(request.ca === undefined ? {} : { tlsOptions: { ca: request.ca } }),
  });
}

/** Always the workspace's own word: one behind a private link has another address. `azureml://` stands for `https://`. */
export async function trackingUri(workspace: Workspace): Promise<string> {
  const { mlFlowTrackingUri } = await workspace.call('reading mlFlowTrackingUri', () =>
    workspace.client.workspaces.get(workspace.group, workspace.name),
  );
  if (!mlFlowTrackingUri) {
    throw toServiceError(new Error('the workspace names none'), `reading mlFlowTrackingUri of ${workspace.name}`);
  }
  return mlFlowTrackingUri.replace(/^azureml:\/\//, 'https://').replace(/\/+$/, '');
}

export const isAbort = (error: unknown): boolean => (error as { name?: unknown } | null)?.name === 'AbortError';
