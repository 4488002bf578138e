import { OWNER_TAG } from '../../domain/resource-names.ts';
import { ServiceError } from '../errors.ts';
import {
  followOperation,
  operationOf,
  resumedOperation,
  waitUntil,
  type Operation,
  type Progress,
} from './long-running.ts';
import { armError, sendArm } from './request.ts';
import type { StackHub } from './session.ts';

/** An ARM resource as GET shows it; `properties` is read by who asked for that type. */
export interface Resource {
  readonly id: string;
  readonly name: string;
  readonly location?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, unknown>> & { readonly provisioningState?: string };
}

/** A resource's path below the site's resource group, such as `Microsoft.Compute/virtualMachines/demo-a`, and its version. */
export interface Address {
  readonly path: string;
  readonly apiVersion: string;
}

export const resourceId = (hub: StackHub, { path }: Address): string =>
  `/subscriptions/${hub.subscription}/resourceGroups/${hub.resourceGroup}/providers/${path}`;

/** @throws ServiceError */
export async function getResource(
  hub: StackHub,
  address: Address,
  signal?: AbortSignal,
): Promise<Resource | undefined> {
  const path = resourceId(hub, address);
  try {
    const { body } = await sendArm(
      hub,
      { method: 'GET', path, apiVersion: address.apiVersion, signal },
      `reading ${address.path}`,
    );
    return body as Resource;
  } catch (error) {
    if (error instanceof ServiceError && error.type === 'NotFound') return undefined;
    throw error;
  }
}

/**
 * Makes a resource that is absent, and waits until it is whole. One that is there and whole is returned untouched; one that is
 * under way (an attempt before this, whose answer was lost) is waited for; one that failed is put again. Without our tag it is
 * another's: refused. @throws ServiceError
 */
export async function ensureResource(
  hub: StackHub,
  address: Address,
  body: (existing: Resource | undefined) => object | Promise<object>,
  progress: Progress,
): Promise<Resource> {
  const existing = await settledResource(hub, address, progress);
  if (existing) requireOurs(existing, address);
  if (existing?.properties.provisioningState === 'Succeeded') return existing;
  return putResource(hub, address, await body(existing), progress);
}

/** PUT, and wait. @throws ServiceError */
export async function putResource(
  hub: StackHub,
  address: Address,
  body: object,
  progress: Progress,
): Promise<Resource> {
  const doing = `creating ${address.path} on ${hub.endpoint}`;
  const path = resourceId(hub, address);
  const answer = await sendArm(
    hub,
    { method: 'PUT', path, apiVersion: address.apiVersion, body, signal: progress.signal },
    doing,
  );
  await followOperation(hub, operationOf(path, answer), progress, doing);
  // A GET may be late after a PUT; what stays absent for a minute was removed by someone else.
  const deadline = Date.now() + 60_000;
  const whole = await waitUntil(progress, { target: path }, async () => {
    const now = await settledResource(hub, address, progress);
    if (now === undefined && Date.now() > deadline) throw vanished(address, hub);
    return now;
  });
  if (whole.properties.provisioningState === 'Failed') throw failedState(whole, address, doing);
  return whole;
}

/** DELETE, and wait; absent is fine, another's is refused unless `ours` has already been shown. @throws ServiceError */
export async function deleteResource(hub: StackHub, address: Address, progress: Progress, ours = false): Promise<void> {
  const existing = await getResource(hub, address, progress.signal);
  if (!existing) return;
  if (!ours) requireOurs(existing, address);
  const doing = `deleting ${address.path} on ${hub.endpoint}`;
  const path = resourceId(hub, address);
  if (existing.properties.provisioningState !== 'Deleting') {
    const request = { method: 'DELETE', path, apiVersion: address.apiVersion, signal: progress.signal } as const;
    await followOperation(hub, operationOf(path, await sendArm(hub, request, doing)), progress, doing);
  }
  await waitUntil(progress, { target: path }, async () => {
    const left = await getResource(hub, address, progress.signal);
    if (left?.properties.provisioningState === 'Failed') throw failedState(left, address, doing);
    return left === undefined ? true : undefined;
  });
}

/** POST of an action such as `start`, and wait. @throws ServiceError */
export async function act(hub: StackHub, address: Address, action: string, progress: Progress): Promise<void> {
  const doing = `${action} of ${address.path} on ${hub.endpoint}`;
  const path = `${resourceId(hub, address)}/${action}`;
  const resumed = resumedOperation(path, progress.resumed);
  if (resumed && (await resume(hub, resumed, progress, doing))) return;
  const answer = await sendArm(
    hub,
    { method: 'POST', path, apiVersion: address.apiVersion, signal: progress.signal },
    doing,
  );
  await followOperation(hub, operationOf(path, answer), progress, doing);
}

/** True when we made it: our tag is on it. */
export const isOurs = (resource: Resource): boolean => resource.tags?.[OWNER_TAG] !== undefined;

/** @throws ServiceError `NotOurs` */
export function requireOurs(resource: Resource, address: Address): void {
  if (isOurs(resource)) return;
  throw new ServiceError({
    class: 'policy',
    type: 'NotOurs',
    cause: `${address.path} is there already and lacks the tag ${OWNER_TAG}: edge-train did not make it and leaves it alone.`,
    nextStep: 'Choose another VM name, or another resourceGroup in site.yml.',
    retryable: false,
  });
}

/** The resource once nothing is under way on it; undefined when there is none, or none any more. */
export async function settledResource(
  hub: StackHub,
  address: Address,
  progress: Progress,
): Promise<Resource | undefined> {
  const target = resourceId(hub, address);
  const resumed = resumedOperation(target, progress.resumed);
  if (resumed) await resume(hub, resumed, progress, `creating ${address.path} on ${hub.endpoint}`);
  return waitUntil(progress, { target }, async () => {
    const now = await getResource(hub, address, progress.signal);
    if (!now) return null;
    const state = now.properties.provisioningState ?? 'Succeeded';
    return ['Succeeded', 'Failed', 'Canceled'].includes(state) ? now : undefined;
  }).then((found) => found ?? undefined);
}

/** False when it ended badly: the attempt before has told of it, and this one starts anew from what is there. */
async function resume(hub: StackHub, operation: Operation, progress: Progress, doing: string): Promise<boolean> {
  return followOperation(hub, operation, progress, doing).then(
    () => true,
    (error: unknown) => {
      if (error instanceof ServiceError) return false;
      throw error;
    },
  );
}

/** Where only the resource's own state tells of the failure, its instance view has the words. */
function failedState(resource: Resource, address: Address, doing: string): ServiceError {
  const view = resource.properties['instanceView'] as
    { statuses?: { level?: string; code?: string; message?: string }[] } | undefined;
  const status = view?.statuses?.find(({ level }) => level === 'Error');
  const code = status?.code?.split('/').at(-1) ?? 'ProvisioningFailed';
  const message = status?.message ?? `${address.path} is in the state Failed, and says nothing more`;
  return armError({ status: 500, headers: { get: () => undefined }, body: { error: { code, message } } }, doing);
}

function vanished(address: Address, hub: StackHub): ServiceError {
  return new ServiceError({
    class: 'host',
    type: 'Vanished',
    cause: `${address.path} was made on ${hub.endpoint} and is not there a minute later.`,
    nextStep: 'Look for who deletes resources in the group; it is made again.',
    retryable: true,
  });
}
