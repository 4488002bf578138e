import { OWNER_TAG } from '../../domain/resource-names.ts';
import { ServiceError } from '../errors.ts';
import { sendArm } from './request.ts';
import type { StackHub } from './session.ts';

/** What Stack Hub's Azure Resource Manager speaks for groups. */
const GROUP_VERSION = '2019-10-01';

/** Makes the site's resource group where it is absent; it may be the operator's own, and is never deleted. @throws ServiceError */
export async function ensureGroup(hub: StackHub, signal?: AbortSignal): Promise<void> {
  if (await hasGroup(hub, signal)) return;
  const doing = `creating the resource group ${hub.resourceGroup} on ${hub.endpoint}`;
  const body = { location: hub.location, tags: { [OWNER_TAG]: 'site' } };
  await sendArm(hub, { method: 'PUT', path: groupPath(hub), apiVersion: GROUP_VERSION, body, signal }, doing);
}

/** @throws ServiceError */
export async function hasGroup(hub: StackHub, signal?: AbortSignal): Promise<boolean> {
  const doing = `reading the resource group ${hub.resourceGroup}`;
  try {
    await sendArm(hub, { method: 'GET', path: groupPath(hub), apiVersion: GROUP_VERSION, signal }, doing);
    return true;
  } catch (error) {
    if (error instanceof ServiceError && error.type === 'NotFound') return false;
    throw error;
  }
}

const groupPath = ({ subscription, resourceGroup }: StackHub): string =>
  `/subscriptions/${subscription}/resourcegroups/${resourceGroup}`;
