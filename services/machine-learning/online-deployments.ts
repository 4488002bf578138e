import type { ManagedOnlineDeployment, OnlineDeployment as AzureDeployment } from '@azure/arm-machinelearning';
import { isAbort, type Workspace } from './workspace.ts';
import { ServiceError, toServiceError } from '../errors.ts';
import { workspaceLocation } from './online-endpoints.ts';
import { abort, rest, type Waiting } from './waiting.ts';

export interface DeploymentToMake {
  readonly endpoint: string;
  readonly name: string;
  /** Of the environment's version. */
  readonly environmentId: string;
  readonly instanceType: string;
  readonly instanceCount: number;
  readonly startSeconds: number;
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * A managed deployment of an image as it is, as `az ml online-deployment create` makes one; it gets no traffic. GET before PUT;
 * one that is being made is waited for, one that failed is put again. Returns when its server is ready. Minutes.
 * @throws ServiceError `DeploymentFailed` (host), or what Azure's code means, such as `QuotaExceeded`
 */
export async function ensureDeployment(
  workspace: Workspace,
  deployment: DeploymentToMake,
  waiting: Waiting = {},
): Promise<void> {
  const there = await settled(workspace, deployment, waiting);
  if (there && stateOf(there) === 'Succeeded') return;
  await put(workspace, deployment, waiting);
}

/** Absent is fine, the endpoint too; returns when it is gone. One that gets traffic is refused by Azure ML. */
export async function deleteDeployment(
  workspace: Workspace,
  place: { readonly endpoint: string; readonly name: string },
  waiting: Waiting = {},
): Promise<void> {
  const { client, group, name: workspaceName } = workspace;
  for (let there = await settled(workspace, place, waiting, []); there; there = await read(workspace, place)) {
    if (stateOf(there) !== 'Deleting')
      await workspace.find(`deleting the deployment ${place.name}`, () =>
        client.onlineDeployments.beginDelete(group, workspaceName, place.endpoint, place.name, abort(waiting)),
      );
    await rest(waiting);
  }
}

export async function listDeployments(workspace: Workspace, endpoint: string): Promise<string[]> {
  const { client, group, name } = workspace;
  const found = await workspace.find(`listing the deployments of ${endpoint}`, async () => {
    const names: string[] = [];
    for await (const each of client.onlineDeployments.list(group, name, endpoint)) names.push(each.name ?? '');
    return names;
  });
  return found ?? [];
}

/** What Azure says of a failure is in the operation's own answer, and nowhere else; the SDK's poller leaves it out. */
async function put(workspace: Workspace, deployment: DeploymentToMake, waiting: Waiting): Promise<void> {
  const { endpoint, name } = deployment;
  const body = bodyOf(deployment, await workspaceLocation(workspace));
  let said: Said | undefined;
  const onResponse = ({ bodyAsText }: { bodyAsText?: string | null }) => (said = errorIn(bodyAsText) ?? said);
  const { client, group, name: workspaceName } = workspace;
  const poller = await workspace.call(`putting the deployment ${name} of ${endpoint}`, () =>
    client.onlineDeployments.beginCreateOrUpdate(group, workspaceName, endpoint, name, body, {
      ...abort(waiting),
      onResponse,
    }),
  );
  while (!poller.isDone()) {
    await rest(waiting);
    try {
      await poller.poll();
    } catch (error) {
      if (isAbort(error)) throw error;
      throw said
        ? failed(deployment, said)
        : toServiceError(error, `waiting for the deployment ${name} of ${endpoint}`);
    }
  }
}

function bodyOf(deployment: DeploymentToMake, location: string): AzureDeployment {
  const period = 5;
  const probe = {
    initialDelay: `PT${period}S`,
    period: `PT${period}S`,
    timeout: 'PT2S',
    successThreshold: 1,
  };
  const properties: ManagedOnlineDeployment = {
    endpointComputeType: 'Managed',
    environmentId: deployment.environmentId,
    instanceType: deployment.instanceType,
    scaleSettings: { scaleType: 'Default' },
    requestSettings: { requestTimeout: 'PT60S', maxQueueWait: 'PT30S', maxConcurrentRequestsPerInstance: 4 },
    readinessProbe: { ...probe, failureThreshold: Math.ceil(deployment.startSeconds / period) },
    livenessProbe: { ...probe, failureThreshold: Math.ceil(deployment.startSeconds / period) },
    appInsightsEnabled: false,
  };
  return {
    location,
    sku: { name: 'Default', capacity: deployment.instanceCount },
    tags: { ...deployment.tags },
    properties,
  };
}

type Place = { readonly endpoint: string; readonly name: string };

function read(workspace: Workspace, { endpoint, name }: Place): Promise<AzureDeployment | undefined> {
  return workspace.find(`reading the deployment ${name} of ${endpoint}`, () =>
    workspace.client.onlineDeployments.get(workspace.group, workspace.name, endpoint, name),
  );
}

async function settled(
  workspace: Workspace,
  place: Place,
  waiting: Waiting,
  also: readonly string[] = ['Deleting'],
): Promise<AzureDeployment | undefined> {
  for (;;) {
    const there = await read(workspace, place);
    if (!there || !['Creating', 'Updating', 'Scaling', ...also].includes(stateOf(there))) return there;
    await rest(waiting);
  }
}

const stateOf = ({ properties }: AzureDeployment): string => properties.provisioningState ?? 'Unknown';

interface Said {
  readonly code: string;
  readonly message: string;
}

function errorIn(text: string | null | undefined): Said | undefined {
  try {
    const { error } = JSON.parse(text ?? '') as { error?: { code?: string; message?: string } };
    return error ? { code: error.code ?? 'Error', message: error.message ?? '' } : undefined;
  } catch {
    return undefined;
  }
}

/** Codes of https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints. */
function failed({ endpoint, name }: DeploymentToMake, { code, message }: Said): ServiceError {
  const known = toServiceError({ code, message }, `making the deployment ${name} of ${endpoint}`);
  if (known.type !== 'Unexpected') return known;
  return new ServiceError({
    class: 'host',
    type: 'DeploymentFailed',
    cause: `Azure ML could not make the deployment ${name} of ${endpoint}: ${code}: ${message.slice(0, 600)}`,
    nextStep:
      'What served before goes on. `az ml online-deployment get-logs` says why a server did not start; for its image the endpoint’s identity needs AcrPull.',
    retryable: false,
  });
}
