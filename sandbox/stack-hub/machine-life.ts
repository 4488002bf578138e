import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { MachineSpec } from '../machines/contract.ts';
import type { ArmCall } from '../server/arm.ts';
import { Failure } from '../server/errors.ts';
import { json, type Reply } from '../server/front.ts';
import { asyncOperationHeaders, type Operation } from '../server/operations.ts';
import type { Change } from '../server/store.ts';
import type { virtualMachine } from './compute-bodies.ts';
import { diskRecord } from './disks.ts';
import {
  findResource,
  inState,
  put,
  remove,
  requireGroup,
  requireLocation,
  typePath,
  type Hub,
  type ResourceRecord,
} from './hub.ts';
import { exactVersion } from './images.ts';
import { checkOsProfile } from './os-profile.ts';
import { requireQuota, requireSize, type VmSize } from './sizes.ts';
import {
  computePlace,
  extensionsOf,
  machineOf,
  machineType,
  osDiskOf,
  requireMachineIdle,
  shownMachine,
} from './virtual-machine.ts';
import { updateMachine } from './machine-update.ts';
import { machineOfInterface } from './views.ts';

type Body = z.infer<typeof virtualMachine>;

export function defineMachineOperations(hub: Hub): void {
  hub.operations.define('vm.create', {
    run: (operation) => boot(hub, operation),
    fail: ({ target }) => change(hub, target, (vm) => inState(vm, 'Failed')),
  });
  hub.operations.define('vm.update', {
    run: async ({ target }) => change(hub, target, (vm) => inState(vm, 'Succeeded')),
  });
  hub.operations.define('vm.delete', {
    run: (operation) => destroy(hub, operation),
    fail: ({ target }) => change(hub, target, (vm) => inState(vm, 'Failed')),
  });
}

/** Creates the VM and its OS disk, or (same properties) touches what is there. */
export function putMachine(hub: Hub, call: ArmCall & { body: Body }): Reply {
  const { group, vm: name } = call.params as { group: string; vm: string };
  const groupId = requireGroup(hub, group, true);
  const id = `${groupId}/providers/${typePath(machineType, name)}`;
  const existing = findResource(hub, id);
  if (!/^[A-Za-z0-9]([\w.-]{0,62}\w)?$/.test(name)) {
    throw new Failure(
      400,
      'InvalidParameter',
      `The entity name 'vmName' is invalid according to its validation rule: ^[^_\\W][\\w-._]{0,63}(?<![-.])$.`,
      { target: 'vmName' },
    );
  }
  const location = requireLocation(hub, call.body.location, machineType);
  const size = requireSize(hub, call.body.properties.hardwareProfile.vmSize);
  checkOsProfile(call.body.properties.osProfile);
  requireMachineIdle(hub, id);
  return existing ? updateMachine(hub, call, existing, size) : create(hub, call, { id, name, location, groupId, size });
}

function create(
  hub: Hub,
  call: ArmCall & { body: Body },
  at: { id: string; name: string; location: string; groupId: string; size: VmSize },
): Reply {
  const { id, name, location, groupId, size } = at;
  const { storageProfile, osProfile, networkProfile } = call.body.properties;
  const version = exactVersion(hub, storageProfile.imageReference);
  for (const nic of networkProfile.networkInterfaces) requireFreeInterface(hub, nic.id, id);
  requireQuota(hub, size);
  const diskName = storageProfile.osDisk.name ?? `${name}_OsDisk_1_${randomUUID().replaceAll('-', '')}`;
  const disk = diskRecord(hub, groupId, diskName, storageProfile.osDisk, id);
  const { adminPassword, ...shownOs } = osProfile;
  const vm: ResourceRecord = {
    ...{ id, name, type: machineType, location, etag: '' },
    ...(call.body.tags ? { tags: call.body.tags } : {}),
    properties: {
      vmId: randomUUID(),
      hardwareProfile: { vmSize: size.name },
      storageProfile: {
        imageReference: { ...storageProfile.imageReference, exactVersion: version },
        osDisk: {
          osType: 'Linux',
          name: diskName,
          createOption: 'FromImage',
          caching: storageProfile.osDisk.caching ?? 'ReadWrite',
          diskSizeGB: disk.properties.diskSizeGB,
          managedDisk: { id: disk.id, storageAccountType: (disk.more!.sku as { name: string }).name },
        },
        dataDisks: [],
      },
      osProfile: {
        ...shownOs,
        linuxConfiguration: {
          disablePasswordAuthentication: false,
          provisionVMAgent: true,
          ...shownOs.linuxConfiguration,
        },
        secrets: [],
        allowExtensionOperations: true,
      },
      networkProfile,
      provisioningState: 'Creating',
    },
  };
  const operation = hub.operations.accept(
    {
      kind: 'vm.create',
      front: 'stack-hub',
      target: id.toLowerCase(),
      method: call.method,
      path: call.path,
      input: spec(vm, size, osProfile, adminPassword),
    },
    [put(disk), put(vm)],
  );
  return json(201, shownMachine(hub, vm), asyncOperationHeaders(operation, computePlace(hub), 201));
}

function spec(
  vm: ResourceRecord,
  size: VmSize,
  osProfile: Body['properties']['osProfile'],
  adminPassword: string | undefined,
): MachineSpec {
  return {
    name: machineOf(vm),
    memoryMiB: size.memoryInMB,
    cores: size.numberOfCores,
    hostName: osProfile.computerName,
    adminUsername: osProfile.adminUsername,
    ...(adminPassword === undefined ? {} : { adminPassword }),
    sshPublicKeys: (osProfile.linuxConfiguration?.ssh?.publicKeys ?? []).map(({ keyData }) => keyData),
    disablePassword: osProfile.linuxConfiguration?.disablePasswordAuthentication === true,
  };
}

function requireFreeInterface(hub: Hub, nicId: string, vmId: string): void {
  const nic = findResource(hub, nicId);
  if (nic?.type !== 'Microsoft.Network/networkInterfaces') {
    throw new Failure(
      400,
      'InvalidResourceReference',
      `Resource ${nicId} referenced by resource ${vmId} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
    );
  }
  const holder = machineOfInterface(hub, nicId);
  if (holder)
    throw new Failure(
      400,
      'NicInUse',
      `Network Interface ${nicId} is used by existing resource ${holder.id}. In order to delete the network interface, it must be dissociated from the resource.`,
    );
}

export function deleteMachine(hub: Hub, call: ArmCall): Reply {
  const { group, vm: name } = call.params as { group: string; vm: string };
  const vm = findResource(hub, `${requireGroup(hub, group)}/providers/${typePath(machineType, name)}`);
  if (!vm) return { status: 204 };
  const busy = hub.operations.busy(vm.id);
  if (busy && busy.kind !== 'vm.delete') requireMachineIdle(hub, vm.id);
  const operation =
    busy ??
    hub.operations.accept(
      {
        kind: 'vm.delete',
        front: 'stack-hub',
        target: vm.id.toLowerCase(),
        method: call.method,
        path: call.path,
        input: null,
      },
      [put(inState(vm, 'Deleting'))],
    );
  return { status: 202, headers: asyncOperationHeaders(operation, computePlace(hub), 202) };
}

async function boot(hub: Hub, { target, input }: Operation): Promise<Change[]> {
  const { privateAddress } = await hub.machines.boot(input as MachineSpec);
  return change(hub, target, (vm) => ({
    ...inState(vm, 'Succeeded'),
    hidden: { ...vm.hidden, privateAddress, deallocated: false },
  }));
}

/** The disk stays: whoever made the VM deletes it, or it is an orphan. */
async function destroy(hub: Hub, { target }: Operation): Promise<Change[]> {
  const vm = findResource(hub, target);
  if (!vm) return [];
  await hub.machines.remove(machineOf(vm));
  const disk = osDiskOf(hub, vm);
  const { managedBy: _, ...free } = disk?.more ?? {};
  const freed = disk ? [put({ ...disk, more: free, properties: { ...disk.properties, diskState: 'Unattached' } })] : [];
  return [...freed, ...extensionsOf(hub, vm).map(({ id }) => remove(id)), remove(vm.id)];
}

function change(hub: Hub, id: string, how: (vm: ResourceRecord) => ResourceRecord): Change[] {
  const vm = findResource(hub, id);
  return vm ? [put(how(vm))] : [];
}
