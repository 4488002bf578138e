import { listResources, shown, type Hub, type ResourceRecord } from './hub.ts';
import { defaultSecurityRules } from './security-rules.ts';

/** A resource as GET shows it, with the references back that Azure computes: they are never stored. */
export function viewed(hub: Hub, record: ResourceRecord): Record<string, unknown> {
  const properties = computed[record.type]?.(hub, record) ?? {};
  const etag = record.type.startsWith('Microsoft.Network/') ? { etag: record.etag } : {};
  return { ...shown({ ...record, properties: { ...record.properties, ...properties } }), ...etag };
}

const computed: Record<string, (hub: Hub, record: ResourceRecord) => Record<string, unknown>> = {
  'Microsoft.Network/networkInterfaces': interfaceView,
  'Microsoft.Network/publicIPAddresses': publicAddressView,
  'Microsoft.Network/networkSecurityGroups': securityGroupView,
};

export interface IpConfiguration {
  id: string;
  name: string;
  properties: {
    subnet: { id: string };
    publicIPAddress?: { id: string };
    privateIPAddress: string;
    privateIPAllocationMethod: string;
    primary: boolean;
    provisioningState: string;
  };
}

export function ipConfigurations(nic: ResourceRecord): IpConfiguration[] {
  return nic.properties.ipConfigurations as IpConfiguration[];
}

/** The VM whose network profile names this interface. */
export function machineOfInterface(hub: Hub, nicId: string): ResourceRecord | undefined {
  return listResources(hub, 'Microsoft.Compute/virtualMachines').find((vm) =>
    interfaceIds(vm).includes(nicId.toLowerCase()),
  );
}

/** Lower case. */
export function interfaceIds(vm: ResourceRecord): string[] {
  const profile = vm.properties.networkProfile as { networkInterfaces: { id: string }[] };
  return profile.networkInterfaces.map(({ id }) => id.toLowerCase());
}

/** The interface's configuration that holds this public address. */
export function holderOfPublicAddress(
  hub: Hub,
  publicId: string,
): { nic: ResourceRecord; configuration: IpConfiguration } | undefined {
  for (const nic of listResources(hub, 'Microsoft.Network/networkInterfaces')) {
    const configuration = ipConfigurations(nic).find(
      ({ properties }) => properties.publicIPAddress?.id.toLowerCase() === publicId.toLowerCase(),
    );
    if (configuration) return { nic, configuration };
  }
  return undefined;
}

/** A dynamic address shows only while a VM that is not deallocated holds it. */
export function publicAddressOf(hub: Hub, record: ResourceRecord): string | undefined {
  const address = record.hidden?.address as string;
  if (record.properties.publicIPAllocationMethod === 'Static') return address;
  const holder = holderOfPublicAddress(hub, record.id);
  const vm = holder && machineOfInterface(hub, holder.nic.id);
  return vm && vm.hidden?.deallocated !== true ? address : undefined;
}

/** Where the VM really is on the bridge, once it was booted. */
export function bridgeAddress(vm: ResourceRecord | undefined): string | undefined {
  return vm?.hidden?.privateAddress as string | undefined;
}

function interfaceView(hub: Hub, nic: ResourceRecord): Record<string, unknown> {
  const vm = machineOfInterface(hub, nic.id);
  const real = bridgeAddress(vm);
  const configurations = ipConfigurations(nic).map((each) =>
    real && each.properties.primary ? { ...each, properties: { ...each.properties, privateIPAddress: real } } : each,
  );
  return { ipConfigurations: configurations, ...(vm ? { virtualMachine: { id: vm.id }, primary: true } : {}) };
}

function publicAddressView(hub: Hub, record: ResourceRecord): Record<string, unknown> {
  const holder = holderOfPublicAddress(hub, record.id);
  const address = publicAddressOf(hub, record);
  return {
    ...(address ? { ipAddress: address } : {}),
    ...(holder ? { ipConfiguration: { id: holder.configuration.id } } : {}),
  };
}

function securityGroupView(hub: Hub, record: ResourceRecord): Record<string, unknown> {
  const users = usersOfSecurityGroup(hub, record.id);
  return {
    defaultSecurityRules: defaultSecurityRules(record.id),
    ...(users.interfaces.length ? { networkInterfaces: users.interfaces.map((id) => ({ id })) } : {}),
    ...(users.subnets.length ? { subnets: users.subnets.map((id) => ({ id })) } : {}),
  };
}

export interface Subnet {
  id: string;
  name: string;
  etag: string;
  properties: { addressPrefix: string; networkSecurityGroup?: { id: string }; provisioningState: string };
}

export function subnetsOf(network: ResourceRecord): Subnet[] {
  return network.properties.subnets as Subnet[];
}

export function usersOfSecurityGroup(hub: Hub, id: string): { interfaces: string[]; subnets: string[] } {
  const key = id.toLowerCase();
  const names = (reference: unknown) => (reference as { id: string } | undefined)?.id.toLowerCase() === key;
  return {
    interfaces: listResources(hub, 'Microsoft.Network/networkInterfaces')
      .filter((nic) => names(nic.properties.networkSecurityGroup))
      .map((nic) => nic.id),
    subnets: listResources(hub, 'Microsoft.Network/virtualNetworks')
      .flatMap(subnetsOf)
      .filter((subnet) => names(subnet.properties.networkSecurityGroup))
      .map((subnet) => subnet.id),
  };
}

export function findSubnet(hub: Hub, id: string): Subnet | undefined {
  return listResources(hub, 'Microsoft.Network/virtualNetworks')
    .flatMap(subnetsOf)
    .find((subnet) => subnet.id.toLowerCase() === id.toLowerCase());
}
