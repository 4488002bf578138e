import ssh2 from 'ssh2';
import { Failure } from '../server/errors.ts';
import { range } from '../stack-hub/addresses.ts';
import { findResource, listResources, type Hub, type ResourceRecord } from '../stack-hub/hub.ts';
import { rulesOf } from '../stack-hub/rule-routes.ts';
import { evaluateInbound, type Flow } from '../stack-hub/security-rules.ts';
import {
  bridgeAddress,
  findSubnet,
  holderOfPublicAddress,
  ipConfigurations,
  machineOfInterface,
  publicAddressOf,
  type IpConfiguration,
} from '../stack-hub/views.ts';
import { machineOf } from '../stack-hub/virtual-machine.ts';

export interface Credentials {
  username: string;
  password?: string | undefined;
  privateKey?: string | undefined;
}

/**
 * What Azure ML does from the internet when it attaches a VM: public address → interface → security groups of subnet and
 * interface, for TCP from its own address → an SSH session to the machine. Nothing answers behind a closed rule, so a
 * refusal reads like the service's own: a connection that was not made in time.
 * @throws Failure 500 InternalServerError with the service's detail (as seen in MachineLearningNotebooks#251)
 */
export async function dialPublic(
  hub: Hub,
  from: string,
  address: string,
  port: number,
  credentials: Credentials,
): Promise<void> {
  const held = holderOf(hub, address);
  if (!held) throw unreachable(`no network interface holds the public address ${address}`);
  const { nic, configuration } = held;
  const closed = closedBy(hub, nic, configuration, { source: sourceAddress(from), destinationPort: port });
  if (closed) throw unreachable(closed);
  const vm = machineOfInterface(hub, nic.id);
  const { power, privateAddress } = vm ? await hub.machines.describe(machineOf(vm)) : { power: 'absent' as const };
  const host = privateAddress ?? bridgeAddress(vm);
  if (power !== 'running' || !host) throw unreachable('no running machine stands behind the interface');
  await openSession(host, port, credentials);
}

/** The address that Azure ML dials from: the first of `attachFrom`. */
export function sourceAddress(cidr: string): string {
  const { first, last } = range(cidr.includes('/') ? cidr : `${cidr}/32`);
  const number = last > first ? first + 1 : first;
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

function holderOf(hub: Hub, address: string): { nic: ResourceRecord; configuration: IpConfiguration } | undefined {
  const publics = listResources(hub, 'Microsoft.Network/publicIPAddresses');
  const found = publics.find((each) => publicAddressOf(hub, each) === address);
  return found && holderOfPublicAddress(hub, found.id);
}

/** Which group and rule refuse the flow; both groups must let it in. A group that is absent lets everything in. */
function closedBy(
  hub: Hub,
  nic: ResourceRecord,
  configuration: IpConfiguration,
  { source, destinationPort }: Pick<Flow, 'source' | 'destinationPort'>,
): string | undefined {
  const subnet = findSubnet(hub, configuration.properties.subnet.id);
  const networkId = configuration.properties.subnet.id.replace(/\/subnets\/[^/]+$/i, '');
  const space = findResource(hub, networkId)?.properties.addressSpace as { addressPrefixes: string[] } | undefined;
  const flow: Flow = {
    ...{ protocol: 'Tcp', source, sourcePort: 50000, destinationPort },
    destination: ipConfigurations(nic)[0]!.properties.privateIPAddress,
    virtualNetwork: space?.addressPrefixes ?? [],
  };
  for (const group of [
    subnet?.properties.networkSecurityGroup,
    nic.properties.networkSecurityGroup as { id: string } | undefined,
  ]) {
    const nsg = group && findResource(hub, group.id);
    const { access, rule } = nsg ? evaluateInbound(rulesOf(nsg), flow) : { access: 'Allow', rule: '' };
    if (access === 'Deny') return `rule ${rule} of ${nsg!.name} denies TCP ${destinationPort} from ${source}`;
  }
  return undefined;
}

/** The host key is not checked: Azure ML was never told it. */
async function openSession(host: string, port: number, { username, password, privateKey }: Credentials): Promise<void> {
  const client = new ssh2.Client();
  try {
    await new Promise<void>((resolve, reject) => {
      client
        .once('ready', resolve)
        .once('error', reject)
        .once('close', () => reject(new Error('the connection was closed')));
      client.connect({
        host,
        port,
        username,
        ...(privateKey ? { privateKey } : { password: password ?? '' }),
        readyTimeout: 15_000,
        hostVerifier: () => true,
      });
    });
  } catch (error) {
    throw unreachable((error as Error).message);
  } finally {
    client.end();
  }
}

function unreachable(reason: string): Failure {
  return new Failure(
    500,
    'InternalServerError',
    'An internal server error occurred. Please try again. If the problem persists, contact support',
    {
      details: [
        { code: 'ConnectionFailed', message: `Connection failed to establish within 30000 milliseconds. (${reason})` },
      ],
    },
  );
}
