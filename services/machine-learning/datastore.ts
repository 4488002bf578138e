import { ServiceError } from '../errors.ts';
import type { Workspace } from './workspace.ts';

/** Datastore names are letters, digits and _. */
export const MODEL_DATASTORE = 'edge_train_models';

/**
 * Azure ML knows models by a path in a datastore: what it mounts and deploys from is a datastore of the workspace, and the
 * `https://` of a blob would be read with no right to it. This one holds no key (identity-based access): whoever deploys
 * a model needs Storage Blob Data Reader on the release account, and the workspace is handed no secret of ours.
 */
export async function ensureModelDatastore(
  workspace: Workspace,
  { blobEndpoint, container }: { blobEndpoint: string; container: string },
): Promise<void> {
  const { account, endpoint } = splitEndpoint(blobEndpoint);
  const there = await workspace.find(`reading the datastore ${MODEL_DATASTORE}`, () =>
    workspace.client.datastores.get(workspace.group, workspace.name, MODEL_DATASTORE),
  );
  if (there) {
    const found = there.properties as { accountName?: string; containerName?: string };
    if (found.accountName === account && found.containerName === container) return;
    throw taken(`${found.accountName}/${found.containerName}`, `${account}/${container}`);
  }
  await workspace.call(`creating the datastore ${MODEL_DATASTORE}`, () =>
    workspace.client.datastores.createOrUpdate(workspace.group, workspace.name, MODEL_DATASTORE, {
      properties: {
        datastoreType: 'AzureBlob',
        description: 'Models that edge-train released from its sites.',
        accountName: account,
        containerName: container,
        endpoint,
        protocol: 'https',
        credentials: { credentialsType: 'None' },
        serviceDataAccessAuthIdentity: 'None',
      },
    }),
  );
}

/** The long form, which holds outside the workspace too: what Azure ML's own REST examples register models with. */
export function datastoreUri(workspace: Workspace, path: string): string {
  return `azureml:/${workspace.resourceId}/datastores/${MODEL_DATASTORE}/paths/${path}`.replace(
    '/providers/Microsoft.MachineLearningServices/',
    '/',
  );
}

/** `https://ACCOUNT.blob.SUFFIX` or `https://HOST:PORT/ACCOUNT`; Azure ML wants the account and the suffix apart. */
function splitEndpoint(blobEndpoint: string): { account: string; endpoint: string } {
  const { host, pathname } = new URL(blobEndpoint);
  const inPath = pathname.split('/')[1];
  if (inPath) return { account: inPath, endpoint: host };
  const [account = '', , ...suffix] = host.split('.');
  return { account, endpoint: suffix.join('.') };
}

function taken(there: string, ours: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'DatastoreTaken',
    cause: `The workspace’s datastore ${MODEL_DATASTORE} points to ${there}, and cloud.yml releases models to ${ours}.`,
    nextStep: 'Correct release in cloud.yml, or remove that datastore if nothing is registered by it.',
    retryable: false,
  });
}
