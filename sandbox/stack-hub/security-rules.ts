import { BlockList } from 'node:net';

/** A rule of a network security group, as ARM writes it. Single and plural members add up. */
export interface SecurityRule {
  protocol: 'Tcp' | 'Udp' | 'Icmp' | '*';
  sourceAddressPrefix?: string;
  sourceAddressPrefixes?: string[];
  sourcePortRange?: string;
  sourcePortRanges?: string[];
  destinationAddressPrefix?: string;
  destinationAddressPrefixes?: string[];
  destinationPortRange?: string;
  destinationPortRanges?: string[];
  access: 'Allow' | 'Deny';
  priority: number;
  direction: 'Inbound' | 'Outbound';
  description?: string;
}

export interface NamedRule {
  id?: string;
  name: string;
  properties: SecurityRule;
}

export interface Flow {
  protocol: 'Tcp' | 'Udp';
  source: string;
  sourcePort: number;
  destination: string;
  destinationPort: number;
  /** Prefixes of the virtual network: what the tag VirtualNetwork means; Internet is all else. */
  virtualNetwork: string[];
}

/**
 * The first rule by priority that fits an inbound flow decides; the defaults stand last and DenyAllInBound fits all.
 */
export function evaluateInbound(rules: NamedRule[], flow: Flow): { access: 'Allow' | 'Deny'; rule: string } {
  const ordered = [...rules, ...defaultRules]
    .filter(({ properties }) => properties.direction === 'Inbound')
    .sort((one, other) => one.properties.priority - other.properties.priority);
  const decisive = ordered.find(({ properties }) => fits(properties, flow))!;
  return { access: decisive.properties.access, rule: decisive.name };
}

export function defaultSecurityRules(groupId: string): NamedRule[] {
  return defaultRules.map((rule) => ({ id: `${groupId}/defaultSecurityRules/${rule.name}`, ...rule }));
}

function fits(rule: SecurityRule, flow: Flow): boolean {
  const inPorts = (port: number, one?: string, many?: string[]) =>
    values(one, many).some((range) => coversPort(range, port));
  const inPrefixes = (address: string, one?: string, many?: string[]) =>
    values(one, many).some((prefix) => coversAddress(prefix, address, flow.virtualNetwork));
  return (
    (rule.protocol === '*' || rule.protocol === flow.protocol) &&
    inPrefixes(flow.source, rule.sourceAddressPrefix, rule.sourceAddressPrefixes) &&
    inPrefixes(flow.destination, rule.destinationAddressPrefix, rule.destinationAddressPrefixes) &&
    inPorts(flow.sourcePort, rule.sourcePortRange, rule.sourcePortRanges) &&
    inPorts(flow.destinationPort, rule.destinationPortRange, rule.destinationPortRanges)
  );
}

function values(one: string | undefined, many: string[] | undefined): string[] {
  return [...(one === undefined || one === '' ? [] : [one]), ...(many ?? [])];
}

export function coversPort(range: string, port: number): boolean {
  if (range === '*') return true;
  const [low, high] = range.split('-').map(Number) as [number, number | undefined];
  return port >= low && port <= (high ?? low);
}

export function coversAddress(prefix: string, address: string, virtualNetwork: string[]): boolean {
  switch (prefix.toLowerCase()) {
    case '*':
      return true;
    case 'virtualnetwork':
      return virtualNetwork.some((each) => inSubnet(each, address));
    case 'internet':
      return !virtualNetwork.some((each) => inSubnet(each, address)) && address !== loadBalancer;
    case 'azureloadbalancer':
      return address === loadBalancer;
    default:
      return inSubnet(prefix, address);
  }
}

export function inSubnet(cidr: string, address: string): boolean {
  const [network, bits] = cidr.split('/') as [string, string | undefined];
  const list = new BlockList();
  list.addSubnet(network, bits === undefined ? 32 : Number(bits), 'ipv4');
  return list.check(address, 'ipv4');
}

/** The address that the platform's own probes come from. */
const loadBalancer = '168.63.129.16';

function rule(
  name: string,
  direction: SecurityRule['direction'],
  priority: number,
  source: string,
  destination: string,
  access: SecurityRule['access'],
): NamedRule {
  const any = { sourcePortRange: '*', destinationPortRange: '*' };
  return {
    name,
    properties: {
      protocol: '*',
      ...any,
      sourceAddressPrefix: source,
      destinationAddressPrefix: destination,
      access,
      priority,
      direction,
    },
  };
}

const defaultRules: NamedRule[] = [
  rule('AllowVnetInBound', 'Inbound', 65000, 'VirtualNetwork', 'VirtualNetwork', 'Allow'),
  rule('AllowAzureLoadBalancerInBound', 'Inbound', 65001, 'AzureLoadBalancer', '*', 'Allow'),
  rule('DenyAllInBound', 'Inbound', 65500, '*', '*', 'Deny'),
  rule('AllowVnetOutBound', 'Outbound', 65000, 'VirtualNetwork', 'VirtualNetwork', 'Allow'),
  rule('AllowInternetOutBound', 'Outbound', 65001, '*', 'Internet', 'Allow'),
  rule('DenyAllOutBound', 'Outbound', 65500, '*', '*', 'Deny'),
];
