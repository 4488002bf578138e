import { Failure } from '../server/errors.ts';
import { listResources, type Hub, type ResourceRecord } from './hub.ts';

/** A VM size as `GET …/vmSizes` shows it, and the family that its cores count in. */
export interface VmSize {
  name: string;
  numberOfCores: number;
  memoryInMB: number;
  osDiskSizeInMB: number;
  resourceDiskSizeInMB: number;
  maxDataDiskCount: number;
}

function size(name: string, numberOfCores: number, gib: number, maxDataDiskCount: number): VmSize {
  return {
    name,
    numberOfCores,
    memoryInMB: gib * 1024,
    osDiskSizeInMB: 1047552,
    resourceDiskSizeInMB: gib * 2048,
    maxDataDiskCount,
  };
}

const known = [
  size('Standard_DS1_v2', 1, 3.5, 4),
  size('Standard_DS2_v2', 2, 7, 8),
  size('Standard_DS3_v2', 4, 14, 16),
  size('Standard_DS4_v2', 8, 28, 32),
  size('Standard_F2s_v2', 2, 4, 4),
  size('Standard_NC4as_T4_v3', 4, 28, 8),
];

const families: Record<string, string> = {
  Standard_DS1_v2: 'standardDSv2Family',
  Standard_DS2_v2: 'standardDSv2Family',
  Standard_DS3_v2: 'standardDSv2Family',
  Standard_DS4_v2: 'standardDSv2Family',
  Standard_F2s_v2: 'standardFSv2Family',
  Standard_NC4as_T4_v3: 'Standard NCASv3_T4 Family',
};

/** What the operator offers here. */
export function offeredSizes(hub: Hub): VmSize[] {
  const offered = hub.config.vmSizes;
  return offered ? known.filter(({ name }) => offered.includes(name)) : known;
}

/** @throws Failure 400 InvalidParameter (no such size), 409 SkuNotAvailable (not offered here) */
export function requireSize(hub: Hub, asked: string): VmSize {
  const same = ({ name }: VmSize) => name.toLowerCase() === asked.toLowerCase();
  const offered = offeredSizes(hub).find(same);
  if (offered) return offered;
  if (!known.some(same)) {
    throw new Failure(
      400,
      'InvalidParameter',
      `The value ${asked} provided for the VM size is not valid. The valid sizes in the current region are: ${known.map(({ name }) => name).join(',')}. Find out more on the valid VM sizes in each region at https://aka.ms/azure-regions.`,
      { target: 'vmSize' },
    );
  }
  throw new Failure(
    409,
    'SkuNotAvailable',
    `The requested size for resource is currently not available in location '${hub.config.location}' zones '' for subscription '${hub.config.subscription}'. Please try another size or deploy to a different location or zones.`,
  );
}

export interface Usage {
  unit: 'Count';
  currentValue: number;
  limit: number;
  name: { value: string; localizedValue: string };
}

/** Cores count whether their VM is allocated or not. */
export function usages(hub: Hub): Usage[] {
  const vms = listResources(hub, 'Microsoft.Compute/virtualMachines');
  const { cores = 8, virtualMachines = 20 } = hub.config.quota ?? {};
  const all = [
    usage('cores', 'Total Regional vCPUs', sumCores(vms), cores),
    usage('virtualMachines', 'Virtual Machines', vms.length, virtualMachines),
  ];
  for (const family of new Set(offeredSizes(hub).map(({ name }) => families[name]!))) {
    const inFamily = vms.filter((vm) => families[sizeOf(vm).name] === family);
    all.push(usage(family, `${family} vCPUs`, sumCores(inFamily), cores));
  }
  return all;
}

/** @throws Failure 409 OperationNotAllowed, as Compute refuses what exceeds the quota */
export function requireQuota(hub: Hub, { name, numberOfCores }: VmSize): void {
  const counted = [
    { value: 'cores', more: numberOfCores },
    { value: families[name]!, more: numberOfCores },
    { value: 'virtualMachines', more: 1 },
  ];
  for (const { value, more } of counted) {
    const { currentValue, limit, name: words } = usages(hub).find((each) => each.name.value === value)!;
    if (currentValue + more <= limit) continue;
    throw new Failure(
      409,
      'OperationNotAllowed',
      `Operation could not be completed as it results in exceeding approved ${words.localizedValue} quota. Additional details - Deployment Model: Resource Manager, Location: ${hub.config.location}, Current Limit: ${limit}, Current Usage: ${currentValue}, Additional Required: ${more}, (Minimum) New Limit Required: ${currentValue + more}.`,
    );
  }
}

export function sizeOf(vm: ResourceRecord): VmSize {
  const { vmSize } = vm.properties.hardwareProfile as { vmSize: string };
  return known.find(({ name }) => name === vmSize)!;
}

function sumCores(vms: ResourceRecord[]): number {
  return vms.reduce((sum, vm) => sum + sizeOf(vm).numberOfCores, 0);
}

function usage(value: string, localizedValue: string, currentValue: number, limit: number): Usage {
  return { unit: 'Count', currentValue, limit, name: { value, localizedValue } };
}
