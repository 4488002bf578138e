import { machineResources, OWNER_TAG } from '../../domain/resource-names.ts';
import { resourceId, type Address } from './resource.ts';
import type { StackHub } from './session.ts';

/** Microsoft.Network of Stack Hub's profile 2020-09-01-hybrid. */
export const NETWORK_VERSION = '2018-11-01';

/** Where the network resources of a VM are. */
export function networkAddresses(machine: string) {
  const names = machineResources(machine);
  const at = (path: string): Address => ({ path: `Microsoft.Network/${path}`, apiVersion: NETWORK_VERSION });
  return {
    securityGroup: at(`networkSecurityGroups/${names.securityGroup}`),
    attachRule: at(`networkSecurityGroups/${names.securityGroup}/securityRules/${names.attachRule}`),
    servingRule: at(`networkSecurityGroups/${names.securityGroup}/securityRules/${names.servingRule}`),
    virtualNetwork: at(`virtualNetworks/${names.virtualNetwork}`),
    subnet: at(`virtualNetworks/${names.virtualNetwork}/subnets/${names.subnet}`),
    networkInterface: at(`networkInterfaces/${names.networkInterface}`),
    publicAddress: at(`publicIPAddresses/${names.publicAddress}`),
  };
}

export const ownerTags = (machine: string): Record<string, string> => ({ [OWNER_TAG]: machine });

/** No rule that lets anything in: Azure's own last rule denies what no rule allows, and nothing else is in this network. */
export function securityGroupBody(hub: StackHub, machine: string): object {
  return { location: hub.location, tags: ownerTags(machine), properties: { securityRules: [] } };
}

/** One network a VM, with one subnet under the security group. */
export function virtualNetworkBody(hub: StackHub, machine: string, addressPrefix: string): object {
  const { securityGroup } = networkAddresses(machine);
  const subnet = {
    name: machineResources(machine).subnet,
    properties: { addressPrefix, networkSecurityGroup: { id: resourceId(hub, securityGroup) } },
  };
  return {
    location: hub.location,
    tags: ownerTags(machine),
    properties: { addressSpace: { addressPrefixes: [addressPrefix] }, subnets: [subnet] },
  };
}

/** Without a public address, but while Azure ML attaches. */
export function networkInterfaceBody(hub: StackHub, machine: string, withPublicAddress: boolean): object {
  const { securityGroup, subnet, publicAddress } = networkAddresses(machine);
  return {
    location: hub.location,
    tags: ownerTags(machine),
    properties: {
      networkSecurityGroup: { id: resourceId(hub, securityGroup) },
      ipConfigurations: [
        {
          name: 'primary',
          properties: {
            subnet: { id: resourceId(hub, subnet) },
            privateIPAllocationMethod: 'Dynamic',
            ...(withPublicAddress ? { publicIPAddress: { id: resourceId(hub, publicAddress) } } : {}),
          },
        },
      ],
    },
  };
}

/** Static: it is known before it is used, and stays while it is. */
export function publicAddressBody(hub: StackHub, machine: string): object {
  return { location: hub.location, tags: ownerTags(machine), properties: { publicIPAllocationMethod: 'Static' } };
}

/** TCP 22 from where Azure ML dials, and from nowhere else. */
export function attachRuleBody(from: string): object {
  return {
    properties: {
      description: 'Azure ML attaches this VM; edge-train removes this rule right after.',
      protocol: 'Tcp',
      sourceAddressPrefix: from,
      sourcePortRange: '*',
      destinationAddressPrefix: '*',
      destinationPortRange: '22',
      access: 'Allow',
      direction: 'Inbound',
      priority: 100,
    },
  };
}

/** The ports of models, from who may ask them, and from nowhere else. */
export function servingRuleBody(clients: readonly string[], { from, to }: { from: number; to: number }) {
  return {
    properties: {
      description: 'Models that serve on this VM are asked here; edge-train removes this rule with the last of them.',
      protocol: 'Tcp',
      sourceAddressPrefixes: clients,
      sourcePortRange: '*',
      destinationAddressPrefix: '*',
      destinationPortRange: `${from}-${to}`,
      access: 'Allow',
      direction: 'Inbound',
      priority: 110,
    },
  };
}
