import { createHash } from 'node:crypto';
import { Failure } from '../server/errors.ts';
import type { OperationPlace } from '../server/operations.ts';
import { findResource, listResources, requireResource, shown, type Hub, type ResourceRecord } from './hub.ts';

export const machineType = 'Microsoft.Compute/virtualMachines';
export const computeVersions = ['2020-06-01'];
export const machinePath = `/subscriptions/{subscriptionId}/resourceGroups/{group}/providers/${machineType}/{vm}`;

/** The name of the machine behind a VM resource: the VM's own, made unique over groups. */
export function machineOf({ id, name }: Pick<ResourceRecord, 'id' | 'name'>): string {
  const short = createHash('sha256').update(id.toLowerCase()).digest('hex').slice(0, 8);
  return `${name.toLowerCase().replace(/[^a-z0-9-]/g, '-')}-${short}`;
}

export function requireMachine(hub: Hub, params: Record<string, string>): ResourceRecord {
  return requireResource(hub, params.group!, machineType, params.vm!);
}

export function extensionsOf(hub: Hub, vm: ResourceRecord): ResourceRecord[] {
  const prefix = `${vm.id}/extensions/`.toLowerCase();
  return listResources(hub, `${machineType}/extensions`).filter(({ id }) => id.toLowerCase().startsWith(prefix));
}

export function osDiskOf(hub: Hub, vm: ResourceRecord): ResourceRecord | undefined {
  const { osDisk } = vm.properties.storageProfile as { osDisk: { managedDisk: { id: string } } };
  return findResource(hub, osDisk.managedDisk.id);
}

/** Compute refuses a second writer of one VM. @throws Failure 409 Conflict */
export function requireMachineIdle(hub: Hub, id: string): void {
  if (!hub.operations.busy(id)) return;
  throw new Failure(
    409,
    'Conflict',
    'The request failed due to conflict with a concurrent request. To resolve it, please refer to https://aka.ms/activitylog to get more details on the conflicting requests.',
  );
}

export function computePlace(hub: Hub): OperationPlace {
  const base = `/subscriptions/${hub.config.subscription}/providers/Microsoft.Compute/locations/${hub.config.location}`;
  return { origin: hub.origin, base, version: computeVersions[0]! };
}

export function shownMachine(hub: Hub, vm: ResourceRecord): Record<string, unknown> {
  const extensions = extensionsOf(hub, vm);
  return { ...shown(vm), ...(extensions.length ? { resources: extensions.map(({ id }) => ({ id })) } : {}) };
}

/** `GET …/instanceView`: what runs now, asked from the machine itself. */
export async function instanceView(hub: Hub, vm: ResourceRecord): Promise<Record<string, unknown>> {
  const { power } = await hub.machines.describe(machineOf(vm));
  const { provisioningState = 'Succeeded' } = vm.properties;
  const busy = hub.operations.busy(vm.id)?.kind;
  const powerStatus = powerState(vm, power, busy);
  const running = power === 'running';
  const ready = running
    ? status('ProvisioningState/succeeded', 'Ready', 'Guest Agent is running')
    : status('ProvisioningState/Unavailable', 'Not Ready', 'VM status blob is found but not yet populated.');
  return {
    ...(running
      ? {
          computerName: (vm.properties.osProfile as { computerName: string }).computerName,
          osName: 'debian',
          osVersion: '12',
        }
      : {}),
    vmAgent: { vmAgentVersion: running ? '2.9.1.1' : 'Unknown', statuses: [ready], extensionHandlers: [] },
    disks: [
      { name: osDiskOf(hub, vm)?.name, statuses: [status('ProvisioningState/succeeded', 'Provisioning succeeded')] },
    ],
    extensions: extensionsOf(hub, vm).map(extensionView),
    statuses: [
      status(`ProvisioningState/${provisioningState.toLowerCase()}`, `Provisioning ${provisioningState.toLowerCase()}`),
      ...(powerStatus ? [status(`PowerState/${powerStatus}`, `VM ${powerStatus}`)] : []),
    ],
  };
}

export function extensionView(extension: ResourceRecord): Record<string, unknown> {
  const { publisher, type, typeHandlerVersion } = extension.properties as Record<string, string>;
  return {
    name: extension.name.split('/').at(-1),
    type: `${publisher}.${type}`,
    typeHandlerVersion,
    statuses: (extension.hidden?.statuses as unknown[] | undefined) ?? [],
  };
}

export function status(code: string, displayStatus: string, message?: string, level = 'Info'): Record<string, string> {
  return { code, level, displayStatus, ...(message === undefined ? {} : { message }), time: new Date().toISOString() };
}

function powerState(
  vm: ResourceRecord,
  power: 'running' | 'stopped' | 'absent',
  busy: string | undefined,
): string | undefined {
  if (busy === 'vm.create' || busy === 'vm.start') return 'starting';
  if (busy === 'vm.deallocate') return 'deallocating';
  if (power === 'running') return 'running';
  if (vm.hidden?.deallocated === true) return 'deallocated';
  return power === 'stopped' ? 'stopped' : 'unknown';
}
