import { z } from 'zod';
import type { MachineSize } from '../../domain/machine-size.ts';
import { machineResources } from '../../domain/resource-names.ts';
import type { PowerState } from '../../domain/virtual-machine.ts';
import { ServiceError } from '../errors.ts';
import type { Progress } from './long-running.ts';
import { sendArm } from './request.ts';
import { act, resourceId, type Address, type Resource } from './resource.ts';
import type { StackHub } from './session.ts';

/** Microsoft.Compute of Stack Hub's profile 2020-09-01-hybrid. */
export const COMPUTE_VERSION = '2020-06-01';
const DISK_VERSION = '2019-07-01';

export const machineAddress = (machine: string): Address => ({
  path: `Microsoft.Compute/virtualMachines/${machine}`,
  apiVersion: COMPUTE_VERSION,
});

/** The implicit OS disk: Stack Hub gives it no tag, and leaves it when its VM is deleted. */
export const diskAddress = (machine: string): Address => ({
  path: `Microsoft.Compute/disks/${machineResources(machine).osDisk}`,
  apiVersion: DISK_VERSION,
});

const Sizes = z.object({ value: z.array(z.object({ name: z.string(), numberOfCores: z.int(), memoryInMB: z.int() })) });
const Usages = z.object({
  value: z.array(z.object({ currentValue: z.number(), limit: z.number(), name: z.object({ value: z.string() }) })),
});
const Machines = z.object({ value: z.array(z.looseObject({ name: z.string() })) });
const InstanceView = z.object({ statuses: z.array(z.object({ code: z.string().optional() })).default([]) });

/** `GET …/locations/{l}/vmSizes`. @throws ServiceError */
export async function listSizes(hub: StackHub, signal?: AbortSignal): Promise<MachineSize[]> {
  const body = await getLocation(hub, 'vmSizes', signal);
  return Sizes.parse(body).value.map(({ name, numberOfCores, memoryInMB }) => ({
    name,
    cores: numberOfCores,
    memoryMiB: memoryInMB,
  }));
}

/** The VMs of the site's resource group; none where there is no such group. @throws ServiceError */
export async function listMachines(hub: StackHub, signal?: AbortSignal): Promise<Resource[]> {
  const path = resourceId(hub, { path: 'Microsoft.Compute/virtualMachines', apiVersion: COMPUTE_VERSION });
  try {
    const doing = `listing the VMs of ${hub.resourceGroup}`;
    const { body } = await sendArm(hub, { method: 'GET', path, apiVersion: COMPUTE_VERSION, signal }, doing);
    return Machines.parse(body).value as unknown as Resource[];
  } catch (error) {
    if (error instanceof ServiceError && error.type === 'NotFound') return [];
    throw error;
  }
}

/** What is left of the quotas that a VM counts in. @throws ServiceError */
export async function readQuota(
  hub: StackHub,
  signal?: AbortSignal,
): Promise<{ cores: number; virtualMachines: number }> {
  const { value } = Usages.parse(await getLocation(hub, 'usages', signal));
  const left = (name: string) => {
    const usage = value.find((each) => each.name.value.toLowerCase() === name.toLowerCase());
    return usage ? usage.limit - usage.currentValue : Number.POSITIVE_INFINITY;
  };
  return { cores: left('cores'), virtualMachines: left('virtualMachines') };
}

/** `GET …/instanceView`, in five words. @throws ServiceError */
export async function readPowerState(hub: StackHub, machine: string, signal?: AbortSignal): Promise<PowerState> {
  const address = machineAddress(machine);
  try {
    const { body } = await sendArm(
      hub,
      { method: 'GET', path: `${resourceId(hub, address)}/instanceView`, apiVersion: address.apiVersion, signal },
      `reading the state of ${address.path}`,
    );
    return powerState(InstanceView.parse(body).statuses.map(({ code }) => code?.toLowerCase() ?? ''));
  } catch (error) {
    if (error instanceof ServiceError && error.type === 'NotFound') return 'absent';
    throw error;
  }
}

/** @throws ServiceError */
export async function startMachine(hub: StackHub, machine: string, progress: Progress): Promise<void> {
  await act(hub, machineAddress(machine), 'start', progress);
}

/** @throws ServiceError */
export async function deallocateMachine(hub: StackHub, machine: string, progress: Progress): Promise<void> {
  await act(hub, machineAddress(machine), 'deallocate', progress);
}

function powerState(codes: readonly string[]): PowerState {
  const power = codes.find((code) => code.startsWith('powerstate/'))?.slice('powerstate/'.length);
  switch (power) {
    case 'running':
      return 'running';
    case 'starting':
      return 'starting';
    case 'deallocating':
    case 'deallocated':
      return 'deallocated';
    case undefined:
      return codes.some((code) => /^provisioningstate\/(creating|updating)$/.test(code)) ? 'starting' : 'stopped';
    default:
      return 'stopped';
  }
}

async function getLocation(hub: StackHub, what: string, signal: AbortSignal | undefined): Promise<unknown> {
  const path = `/subscriptions/${hub.subscription}/providers/Microsoft.Compute/locations/${hub.location}/${what}`;
  const { body } = await sendArm(
    hub,
    { method: 'GET', path, apiVersion: COMPUTE_VERSION, signal },
    `reading the ${what} of ${hub.location}`,
  );
  return body;
}
