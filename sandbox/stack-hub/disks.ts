import type { ArmCall, ArmRoute } from '../server/arm.ts';
import { Failure } from '../server/errors.ts';
import { json, type Reply } from '../server/front.ts';
import { asyncOperationHeaders } from '../server/operations.ts';
import {
  findResource,
  inState,
  listResources,
  put,
  remove,
  requireGroup,
  requireResource,
  shown,
  typePath,
  type Hub,
  type ResourceRecord,
} from './hub.ts';
import { computePlace } from './virtual-machine.ts';

const diskType = 'Microsoft.Compute/disks';
const versions = ['2019-07-01'];
const collection = `/subscriptions/{subscriptionId}/resourceGroups/{group}/providers/${diskType}`;

/** Managed disks: made by VMs, read and deleted here. */
export function diskRoutes(hub: Hub): ArmRoute[] {
  hub.operations.define('disk.delete', { run: async ({ target }) => [remove(target)] });
  const list = (group?: string) => json(200, { value: listResources(hub, diskType, group).map(shown) });
  return [
    {
      method: 'GET',
      path: `${collection}/{name}`,
      versions,
      handle: ({ params }) => json(200, shown(requireResource(hub, params.group!, diskType, params.name!))),
    },
    { method: 'DELETE', path: `${collection}/{name}`, versions, handle: (call) => deleteDisk(hub, call) },
    { method: 'GET', path: collection, versions, handle: ({ params }) => list(requireGroup(hub, params.group!)) },
    { method: 'GET', path: `/subscriptions/{subscriptionId}/providers/${diskType}`, versions, handle: () => list() },
  ];
}

/** The OS disk that a new VM gets. @throws Failure 409 when the name is taken */
export function diskRecord(
  hub: Hub,
  groupId: string,
  name: string,
  {
    diskSizeGB = 30,
    managedDisk,
  }: { diskSizeGB?: number | undefined; managedDisk?: { storageAccountType?: string | undefined } | undefined },
  vmId: string,
): ResourceRecord {
  const id = `${groupId}/providers/${typePath(diskType, name)}`;
  if (findResource(hub, id)) {
    throw new Failure(
      409,
      'ConflictingUserInput',
      `Disk '${name}' already exists in resource group ${groupId.split('/').at(-1)}. Only CreateOption.Attach is supported.`,
      { target: 'osDisk.name' },
    );
  }
  return {
    ...{ id, name, type: diskType, location: hub.config.location, etag: '' },
    more: { managedBy: vmId, sku: { name: managedDisk?.storageAccountType ?? 'Standard_LRS', tier: 'Standard' } },
    properties: {
      osType: 'Linux',
      creationData: { createOption: 'FromImage' },
      diskSizeGB,
      timeCreated: new Date().toISOString(),
      provisioningState: 'Succeeded',
      diskState: 'Attached',
    },
  };
}

function deleteDisk(hub: Hub, call: ArmCall): Reply {
  const { group, name } = call.params as { group: string; name: string };
  const disk = findResource(hub, `${requireGroup(hub, group)}/providers/${typePath(diskType, name)}`);
  if (!disk) return { status: 204 };
  const { managedBy } = disk.more as { managedBy?: string };
  if (managedBy) throw new Failure(409, 'OperationNotAllowed', `Disk ${name} is attached to VM ${managedBy}.`);
  const operation =
    hub.operations.busy(disk.id) ??
    hub.operations.accept(
      {
        kind: 'disk.delete',
        front: 'stack-hub',
        target: disk.id.toLowerCase(),
        method: call.method,
        path: call.path,
        input: null,
      },
      [put(inState(disk, 'Deleting'))],
    );
  return {
    status: 202,
    headers: asyncOperationHeaders(operation, { ...computePlace(hub), version: versions[0]! }, 202),
  };
}
