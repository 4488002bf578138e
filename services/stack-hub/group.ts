import { OWNER_TAG } from '../../domain/resource-names.ts';
import { ServiceError } from '../errors.ts';
import { sendArm } from './request.ts';
import type { StackHub } from './session.ts';

/** What Stack Hub's Azure Resource Manager speaks for groups. */
const GROUP_VERSION = '2019-10-01';

/** Makes the site's resource group where it is absent; it may be the operator's own, and is never deleted. @throws ServiceError */
export async function ensureGroup(hub: StackHub, signal?: AbortSignal): Promise<void> {
  const path = `/subscriptions/${hub.subscription}/resourcegroups/${hub.resourceGroup}`;
  const doing = `creating the resource group ${hub.resourceGroup} on ${hub.endpoint}`;
  try {
    await sendArm(
      hub,
      { method: 'GET', path, apiVersion: GROUP_VERSION, signal },
      `reading the resource group ${hub.resourceGroup}`,
    );
  } catch (error) {
    if (!(error instanceof ServiceError) || error.type !== 'NotFound') throw error;
    const body = { location: hub.location, tags: { [OWNER_TAG]: 'site' } };
    await sendArm(hub, { method: 'PUT', path, apiVersion: GROUP_VERSION, body, signal }, doing);
  }
}
