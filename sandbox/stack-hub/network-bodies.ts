import { z } from 'zod';
import { isIPv4 } from 'node:net';
import { anyCase, reference, resource, tags } from '../server/schema.ts';
import { isCidr } from './addresses.ts';

/** Bodies of Microsoft.Network 2018-11-01, as far as the sandbox emulates them. */
const cidr = z
  .string()
  .refine(isCidr, { error: (issue) => `The value '${String(issue.input)}' is not a valid CIDR prefix` });
const common = { location: z.string(), tags: tags.optional() };
const child = {
  id: z.string().optional(),
  name: z.string().min(1).max(80),
  type: z.string().optional(),
  etag: z.string().optional(),
};

const portRange = z
  .string()
  .refine(isPortRange, { error: (issue) => `The port range '${String(issue.input)}' is invalid` });
const prefix = z
  .string()
  .refine(isPrefix, { error: (issue) => `The address prefix '${String(issue.input)}' is invalid` });

const ruleProperties = z.strictObject({
  description: z.string().max(140).optional(),
  protocol: anyCase(['Tcp', 'Udp', 'Icmp', '*']),
  sourceAddressPrefix: prefix.optional(),
  sourceAddressPrefixes: z.array(prefix).optional(),
  sourcePortRange: portRange.optional(),
  sourcePortRanges: z.array(portRange).optional(),
  destinationAddressPrefix: prefix.optional(),
  destinationAddressPrefixes: z.array(prefix).optional(),
  destinationPortRange: portRange.optional(),
  destinationPortRanges: z.array(portRange).optional(),
  access: anyCase(['Allow', 'Deny']),
  priority: z.int().min(100).max(4096),
  direction: anyCase(['Inbound', 'Outbound']),
  provisioningState: z.string().optional(),
});

export const securityRule = z.strictObject({ ...child, name: z.string().optional(), properties: ruleProperties });

export const securityGroup = resource(
  z.strictObject({
    securityRules: z.array(z.strictObject({ ...child, properties: ruleProperties })).optional(),
    defaultSecurityRules: z.array(z.unknown()).optional(),
    networkInterfaces: z.array(z.unknown()).optional(),
    subnets: z.array(z.unknown()).optional(),
  }),
  common,
);

const subnetProperties = z.strictObject({
  addressPrefix: cidr,
  networkSecurityGroup: reference.optional(),
  ipConfigurations: z.array(z.unknown()).optional(),
  provisioningState: z.string().optional(),
});

export const subnet = z.strictObject({ ...child, name: z.string().optional(), properties: subnetProperties });

export const virtualNetwork = resource(
  z.strictObject({
    addressSpace: z.strictObject({ addressPrefixes: z.array(cidr).min(1) }),
    dhcpOptions: z.strictObject({ dnsServers: z.array(z.string()) }).optional(),
    subnets: z.array(z.strictObject({ ...child, properties: subnetProperties })).optional(),
  }),
  common,
);

export const publicIPAddress = resource(
  z.strictObject({
    publicIPAllocationMethod: anyCase(['Dynamic', 'Static']).default('Dynamic'),
    publicIPAddressVersion: z.literal('IPv4').optional(),
    idleTimeoutInMinutes: z.int().min(4).max(30).optional(),
    ipAddress: z.string().optional(),
    ipConfiguration: reference.optional(),
  }),
  { ...common, sku: z.strictObject({ name: z.literal('Basic') }).optional() },
);

const ipConfiguration = z.strictObject({
  ...child,
  properties: z.strictObject({
    subnet: reference,
    publicIPAddress: reference.optional(),
    privateIPAddress: z.string().refine(isIPv4, { message: 'The private address is not an IPv4 address' }).optional(),
    privateIPAllocationMethod: anyCase(['Dynamic', 'Static']).default('Dynamic'),
    privateIPAddressVersion: z.literal('IPv4').optional(),
    primary: z.boolean().optional(),
    provisioningState: z.string().optional(),
  }),
});

export const networkInterface = resource(
  z.strictObject({
    ipConfigurations: z.array(ipConfiguration).length(1),
    networkSecurityGroup: reference.optional(),
    enableIPForwarding: z.boolean().optional(),
    enableAcceleratedNetworking: z.literal(false).optional(),
    dnsSettings: z
      .strictObject({ dnsServers: z.array(z.string()).optional(), appliedDnsServers: z.array(z.string()).optional() })
      .optional(),
    virtualMachine: reference.optional(),
    primary: z.boolean().optional(),
    macAddress: z.string().optional(),
  }),
  common,
);

function isPortRange(text: string): boolean {
  if (text === '*') return true;
  const [low, high = low, ...more] = text.split('-');
  return (
    more.length === 0 &&
    [low!, high!].every((port) => /^\d{1,5}$/.test(port) && Number(port) <= 65535) &&
    Number(low) <= Number(high)
  );
}

function isPrefix(text: string): boolean {
  return (
    ['*', 'internet', 'virtualnetwork', 'azureloadbalancer'].includes(text.toLowerCase()) ||
    isIPv4(text) ||
    isCidr(text)
  );
}
