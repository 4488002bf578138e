import type { z } from 'zod';
import { Failure } from '../server/errors.ts';
import { freeAddress, overlap, within } from './addresses.ts';
import { findResource, listResources, newEtag, type Hub, type ResourceRecord } from './hub.ts';
import type { publicIPAddress, securityGroup, virtualNetwork } from './network-bodies.ts';
import type { NamedRule, SecurityRule } from './security-rules.ts';
import { subnetsOf, type Subnet } from './views.ts';
import { requireSubnetUnused } from './network-uses.ts';

/** Where the sandbox's public addresses come from (TEST-NET-3: they exist nowhere). */
export const publicPool = '203.0.113.0/24';

export function checkedVirtualNetwork(
  hub: Hub,
  record: ResourceRecord,
  body: z.infer<typeof virtualNetwork>,
  existing?: ResourceRecord,
): ResourceRecord {
  const { addressSpace, dhcpOptions, subnets = [] } = body.properties;
  const kept = subnets.map((each) => keptSubnet(hub, record.id, each.name, each.properties));
  checkSubnets(addressSpace.addressPrefixes, kept, record);
  for (const gone of existing ? subnetsOf(existing) : []) {
    if (!kept.some(({ id }) => id.toLowerCase() === gone.id.toLowerCase())) requireSubnetUnused(hub, gone.id);
  }
  return { ...record, properties: { addressSpace, ...(dhcpOptions ? { dhcpOptions } : {}), subnets: kept } };
}

export function keptSubnet(
  hub: Hub,
  network: string,
  name: string,
  {
    addressPrefix,
    networkSecurityGroup,
  }: Omit<Subnet['properties'], 'provisioningState'> & { networkSecurityGroup?: { id: string } | undefined },
): Subnet {
  const id = `${network}/subnets/${name}`;
  if (networkSecurityGroup)
    requireReference(hub, networkSecurityGroup.id, id, 'Microsoft.Network/networkSecurityGroups');
  return {
    id,
    name,
    etag: newEtag(),
    properties: {
      addressPrefix,
      ...(networkSecurityGroup ? { networkSecurityGroup } : {}),
      provisioningState: 'Succeeded',
    },
  };
}

export function checkSubnets(space: string[], subnets: Subnet[], { name }: ResourceRecord): void {
  for (const [index, one] of subnets.entries()) {
    const { addressPrefix } = one.properties;
    if (!space.some((each) => within(addressPrefix, each))) {
      throw new Failure(400, 'NetcfgInvalidSubnet', `Subnet '${one.name}' is not valid in virtual network '${name}'.`);
    }
    const other = subnets
      .slice(0, index)
      .find((each) => overlap(addressPrefix, each.properties.addressPrefix) || each.name === one.name);
    if (other)
      throw new Failure(
        400,
        'NetcfgSubnetRangesOverlap',
        `Subnet '${one.name}' is not valid because its IP address range overlaps with that of an existing subnet in virtual network '${name}'.`,
      );
  }
}

export function checkedSecurityGroup(
  _: Hub,
  record: ResourceRecord,
  body: z.infer<typeof securityGroup>,
): ResourceRecord {
  const rules = (body.properties.securityRules ?? []).map((each) => keptRule(record.id, each.name, each.properties));
  checkRules(rules);
  return { ...record, properties: { securityRules: rules } };
}

type RuleBody = NonNullable<z.infer<typeof securityGroup>['properties']['securityRules']>[number]['properties'];

/** @throws Failure 400 SecurityRuleParameter… when one of the four ends is missing or said twice */
export function keptRule(group: string, name: string, properties: RuleBody): NamedRule {
  const ends = ['sourceAddressPrefix', 'destinationAddressPrefix', 'sourcePortRange', 'destinationPortRange'] as const;
  for (const end of ends) {
    const many =
      properties[end.endsWith('x') ? (`${end}es` as 'sourceAddressPrefixes') : (`${end}s` as 'sourcePortRanges')];
    const said = Number(Boolean(properties[end])) + Number((many ?? []).length > 0);
    if (said === 1) continue;
    throw new Failure(
      400,
      said === 0 ? 'SecurityRuleParameterNotSpecified' : 'SecurityRuleParameterConflict',
      `Security rule ${group}/securityRules/${name} must specify ${end} or its plural, and not both.`,
    );
  }
  return {
    id: `${group}/securityRules/${name}`,
    name,
    properties: { ...(properties as SecurityRule), ...{ provisioningState: 'Succeeded' } },
  };
}

export function checkRules(rules: NamedRule[]): void {
  for (const [index, one] of rules.entries()) {
    const same = rules
      .slice(0, index)
      .find(
        ({ name, properties }) =>
          name.toLowerCase() === one.name.toLowerCase() ||
          (properties.priority === one.properties.priority && properties.direction === one.properties.direction),
      );
    if (same)
      throw new Failure(
        400,
        'SecurityRuleConflict',
        `Security rule ${one.name} conflicts with rule ${same.name}. Rules cannot have the same Priority and Direction.`,
      );
  }
}

export function checkedPublicAddress(
  hub: Hub,
  record: ResourceRecord,
  body: z.infer<typeof publicIPAddress>,
): ResourceRecord {
  const { publicIPAllocationMethod, idleTimeoutInMinutes = 4 } = body.properties;
  const address = record.hidden?.address ?? newPublicAddress(hub);
  return {
    ...record,
    more: { sku: { name: 'Basic', tier: 'Regional' } },
    properties: { publicIPAllocationMethod, publicIPAddressVersion: 'IPv4', idleTimeoutInMinutes },
    hidden: { address },
  };
}

export function newPublicAddress(hub: Hub): string {
  const taken = listResources(hub, 'Microsoft.Network/publicIPAddresses').map(
    ({ hidden }) => hidden?.address as string,
  );
  const free = freeAddress(publicPool, 4, taken);
  if (free) return free;
  throw new Failure(
    400,
    'PublicIPCountLimitReached',
    'Cannot create more public IP addresses for this subscription in this region.',
  );
}

export function requireReference(hub: Hub, id: string, from: string, type: string): void {
  const found = findResource(hub, id);
  if (!found || found.type !== type) throw invalidReference(id, from);
}

export function invalidReference(id: string, from: string): Failure {
  return new Failure(
    400,
    'InvalidResourceReference',
    `Resource ${id} referenced by resource ${from} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
  );
}
