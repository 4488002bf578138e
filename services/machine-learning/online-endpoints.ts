import type { OnlineEndpoint as AzureEndpoint } from '@azure/arm-machinelearning';
import type { Traffic } from '../../domain/cloud-deployment.ts';
import { OWNER_TAG } from '../../domain/resource-names.ts';
import { ServiceError } from '../errors.ts';
import { abort, rest, type Waiting } from './waiting.ts';
import type { Workspace } from './workspace.ts';

export interface OnlineEndpoint {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly traffic: Traffic;
  readonly scoringUri: string;
}

/** Undefined where there is none of that name. @throws ServiceError `EndpointTaken` (policy) where it is not ours */
export async function findEndpoint(workspace: Workspace, name: string): Promise<OnlineEndpoint | undefined> {
  const there = await read(workspace, name);
  if (there) requireOurs(there, name, workspace);
  return there && shown(there, name);
}

/**
 * A managed online endpoint with key authentication, as `az ml online-endpoint create` makes one. GET before PUT; one that is
 * being made is waited for, one that failed is put again. @throws ServiceError `EndpointTaken` (policy)
 */
export async function ensureEndpoint(
  workspace: Workspace,
  { name, tags }: { readonly name: string; readonly tags: Readonly<Record<string, string>> },
  waiting: Waiting = {},
): Promise<OnlineEndpoint> {
  const there = await settled(workspace, name, waiting);
  if (there) requireOurs(there, name, workspace);
  if (there && stateOf(there) === 'Succeeded') return shown(there, name);
  await put(workspace, name, { tags: { ...tags, [OWNER_TAG]: 'deployments' }, traffic: {} }, waiting);
  return requireSettled(workspace, name, waiting);
}

/** Who is asked, from now on: all of it or none. What is so already is left. Azure ML's PUT wants the whole endpoint. */
export async function setTraffic(
  workspace: Workspace,
  name: string,
  traffic: Traffic,
  waiting: Waiting = {},
): Promise<OnlineEndpoint> {
  const there = await settled(workspace, name, waiting);
  if (!there) throw gone(workspace, name);
  requireOurs(there, name, workspace);
  const { tags, traffic: before } = shown(there, name);
  if (same(before, traffic)) return shown(there, name);
  await put(workspace, name, { tags, traffic }, waiting);
  return requireSettled(workspace, name, waiting);
}

/** The record of what serves, beside the tag that says whose it is. */
export async function tagEndpoint(
  workspace: Workspace,
  name: string,
  tags: Readonly<Record<string, string>>,
): Promise<void> {
  await workspace.call(`tagging the endpoint ${name}`, () =>
    workspace.client.onlineEndpoints.beginUpdate(workspace.group, workspace.name, name, {
      tags: { ...tags, [OWNER_TAG]: 'deployments' },
    }),
  );
}

/** With all its deployments. Absent is fine; returns when it is gone. @throws ServiceError `EndpointTaken` (policy) */
export async function deleteEndpoint(workspace: Workspace, name: string, waiting: Waiting = {}): Promise<void> {
  for (let there = await read(workspace, name); there; there = await read(workspace, name)) {
    requireOurs(there, name, workspace);
    if (stateOf(there) !== 'Deleting')
      await workspace.find(`deleting the endpoint ${name}`, () =>
        workspace.client.onlineEndpoints.beginDelete(workspace.group, workspace.name, name, abort(waiting)),
      );
    await rest(waiting);
  }
}

/** Those that edge-train made. */
export async function listEndpoints(workspace: Workspace): Promise<OnlineEndpoint[]> {
  const { client, group, name } = workspace;
  return workspace.call('listing the endpoints', async () => {
    const found: OnlineEndpoint[] = [];
    for await (const each of client.onlineEndpoints.list(group, name))
      if (isOurs(each)) found.push(shown(each, each.name ?? ''));
    return found;
  });
}

/** One of its two keys: never into a result, a log or an error. */
export async function endpointKey(workspace: Workspace, name: string): Promise<string> {
  const { primaryKey } = await workspace.call(`reading the keys of the endpoint ${name}`, () =>
    workspace.client.onlineEndpoints.listKeys(workspace.group, workspace.name, name),
  );
  return primaryKey ?? '';
}

/** Only the first answer is of use: what becomes of it is read from the resource. */
async function put(
  workspace: Workspace,
  name: string,
  { tags, traffic }: { readonly tags: Readonly<Record<string, string>>; readonly traffic: Traffic },
  waiting: Waiting,
): Promise<void> {
  const location = await workspaceLocation(workspace);
  await workspace.call(`putting the endpoint ${name}`, () =>
    workspace.client.onlineEndpoints.beginCreateOrUpdate(
      workspace.group,
      workspace.name,
      name,
      {
        location,
        tags: { ...tags },
        identity: { type: 'SystemAssigned' },
        properties: { authMode: 'Key', description: 'Models that edge-train released.', traffic: { ...traffic } },
      },
      abort(waiting),
    ),
  );
}

/** What is made in a workspace is where the workspace is. */
export async function workspaceLocation(workspace: Workspace): Promise<string> {
  const { location } = await workspace.call('reading the workspace', () =>
    workspace.client.workspaces.get(workspace.group, workspace.name),
  );
  return location ?? '';
}

function read(workspace: Workspace, name: string): Promise<AzureEndpoint | undefined> {
  return workspace.find(`reading the endpoint ${name}`, () =>
    workspace.client.onlineEndpoints.get(workspace.group, workspace.name, name),
  );
}

/** When nothing is being done to it any more. */
async function settled(workspace: Workspace, name: string, waiting: Waiting): Promise<AzureEndpoint | undefined> {
  for (;;) {
    const there = await read(workspace, name);
    if (!there || !['Creating', 'Updating', 'Deleting'].includes(stateOf(there))) return there;
    await rest(waiting);
  }
}

async function requireSettled(workspace: Workspace, name: string, waiting: Waiting): Promise<OnlineEndpoint> {
  const there = await settled(workspace, name, waiting);
  if (!there) throw gone(workspace, name);
  if (stateOf(there) === 'Succeeded') return shown(there, name);
  throw new ServiceError({
    class: 'host',
    type: 'EndpointFailed',
    cause: `Azure ML could not put the endpoint ${name} in ${workspace.name}: it is ${stateOf(there)}.`,
    nextStep:
      'It is tried again. Look at the endpoint in Azure ML if it stays so, and at the region’s quota of endpoints.',
    retryable: true,
  });
}

const stateOf = ({ properties }: AzureEndpoint): string => properties.provisioningState ?? 'Unknown';

function shown({ tags = {}, properties }: AzureEndpoint, name: string): OnlineEndpoint {
  return { name, tags, traffic: properties.traffic ?? {}, scoringUri: properties.scoringUri ?? '' };
}

/** A deployment without traffic may be named, or not. */
const same = (one: Traffic, other: Traffic): boolean =>
  [...new Set([...Object.keys(one), ...Object.keys(other)])].every((name) => (one[name] ?? 0) === (other[name] ?? 0));

const isOurs = ({ tags }: AzureEndpoint): boolean => tags?.[OWNER_TAG] !== undefined;

function requireOurs(there: AzureEndpoint, name: string, workspace: Workspace): void {
  if (isOurs(there)) return;
  throw new ServiceError({
    class: 'policy',
    type: 'EndpointTaken',
    cause: `The endpoint ${name} is in ${workspace.name} already, and lacks the tag ${OWNER_TAG}: edge-train did not make it and leaves it alone.`,
    nextStep: 'Delete it in Azure ML if nobody needs it, or give it back its tag.',
    retryable: false,
  });
}

const gone = (workspace: Workspace, name: string) =>
  new ServiceError({
    class: 'host',
    type: 'EndpointGone',
    cause: `The endpoint ${name} is no more in ${workspace.name}: somebody deleted it meanwhile.`,
    nextStep: 'Deploy again.',
    retryable: false,
  });
