import type { z } from 'zod';
import { Failure } from '../server/errors.ts';
import { freeAddress } from './addresses.ts';
import { listResources, type Hub, type ResourceRecord } from './hub.ts';
import type { networkInterface } from './network-bodies.ts';
import { invalidReference, requireReference } from './network-rules.ts';
import { inSubnet } from './security-rules.ts';
import { findSubnet, holderOfPublicAddress, ipConfigurations, type Subnet } from './views.ts';

export function checkedInterface(
  hub: Hub,
  record: ResourceRecord,
  body: z.infer<typeof networkInterface>,
  existing?: ResourceRecord,
): ResourceRecord {
  const {
    ipConfigurations: given,
    networkSecurityGroup,
    enableIPForwarding = false,
    dnsSettings = {},
  } = body.properties;
  if (networkSecurityGroup)
    requireReference(hub, networkSecurityGroup.id, record.id, 'Microsoft.Network/networkSecurityGroups');
  const configurations = given.map(({ name, properties }) => {
    const { subnet, publicIPAddress: address, privateIPAllocationMethod } = properties;
    const found = findSubnet(hub, subnet.id);
    if (!found) throw invalidReference(subnet.id, record.id);
    if (address) requireFreeAddress(hub, address.id, record.id);
    const privateIPAddress = privateAddress(
      hub,
      record.id,
      found,
      properties.privateIPAllocationMethod === 'Static' ? properties.privateIPAddress : undefined,
      existing,
    );
    const kept = {
      subnet,
      ...(address ? { publicIPAddress: address } : {}),
      privateIPAddress,
      privateIPAllocationMethod,
    };
    return {
      id: `${record.id}/ipConfigurations/${name}`,
      name,
      properties: { ...kept, primary: true, provisioningState: 'Succeeded' },
    };
  });
  return {
    ...record,
    properties: {
      ipConfigurations: configurations,
      ...(networkSecurityGroup ? { networkSecurityGroup } : {}),
      ...{ dnsSettings, enableIPForwarding, enableAcceleratedNetworking: false },
    },
  };
}

function requireFreeAddress(hub: Hub, address: string, nic: string): void {
  requireReference(hub, address, nic, 'Microsoft.Network/publicIPAddresses');
  const holder = holderOfPublicAddress(hub, address);
  if (!holder || holder.nic.id.toLowerCase() === nic.toLowerCase()) return;
  throw new Failure(
    400,
    'PublicIPAddressInUse',
    `Resource ${nic} is referencing public IP address ${address} that is already allocated to resource ${holder.configuration.id}.`,
  );
}

function privateAddress(
  hub: Hub,
  nic: string,
  subnet: Subnet,
  asked: string | undefined,
  existing: ResourceRecord | undefined,
): string {
  const { addressPrefix } = subnet.properties;
  if (asked && !inSubnet(addressPrefix, asked))
    throw new Failure(
      400,
      'PrivateIPAddressNotInSubnet',
      `Private static IP address ${asked} does not belong to the range of subnet prefix ${addressPrefix}.`,
    );
  const others = listResources(hub, 'Microsoft.Network/networkInterfaces').filter(
    ({ id }) => id.toLowerCase() !== nic.toLowerCase(),
  );
  const taken = others.flatMap(ipConfigurations).map(({ properties }) => properties.privateIPAddress);
  if (asked && taken.includes(asked))
    throw new Failure(
      400,
      'PrivateIPAddressInUse',
      `IP configuration of ${nic} is using the private IP address ${asked} which is already allocated.`,
    );
  const before = existing && ipConfigurations(existing)[0]?.properties.privateIPAddress;
  const kept = before && inSubnet(addressPrefix, before) ? before : undefined;
  const address = asked ?? kept ?? freeAddress(addressPrefix, 4, taken);
  if (address) return address;
  throw new Failure(
    400,
    'SubnetIsFull',
    `Subnet ${subnet.name} with address prefix ${addressPrefix} does not have enough capacity for 1 IP addresses.`,
  );
}
