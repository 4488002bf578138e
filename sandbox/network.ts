import { createServer } from 'node:net';
import { docker, inspect, stateLabel, type Docker } from './docker.ts';
import type { SandboxState } from './state.ts';

/** The site's network: a Docker bridge without a way out. The host's end of it is `gateway`. */
export interface SiteNetwork {
  name: string;
  bridge: string;
  subnet: string;
  gateway: string;
}

interface InspectedNetwork {
  Internal: boolean;
  IPAM: { Config: { Subnet: string; Gateway?: string }[] };
}

/**
 * Makes the network, or finds it. With `known` (an earlier start's subnet) it is made as it was: the gateway's address is
 * in every endpoint that VMs were given. VMs do not reach each other (`enable_icc`), nor anything beyond the bridge
 * (`--internal`); what they reach on the gateway is the firewall's matter.
 */
export async function ensureNetwork(on: Docker, directory: string, state: SandboxState): Promise<SiteNetwork> {
  const name = networkName(state.id);
  if (!(await inspect(on, 'network', name))) await create(on, name, directory, state);
  const network = await inspect<InspectedNetwork>(on, 'network', name);
  const config = network?.IPAM.Config[0];
  if (!config)
    throw new Error(`Docker network ${name} has no subnet; \`reset\` removes it, the next start makes it anew`);
  const gateway = (config.Gateway ?? '').split('/')[0] ?? '';
  if (state.network && state.network.gateway !== gateway) {
    throw new Error(
      `Docker network ${name} has gateway ${gateway} where ${state.network.gateway} was promised; \`reset\` removes it`,
    );
  }
  await refuseForeignDaemon(name, gateway);
  return { name, bridge: bridgeName(state.id), subnet: config.Subnet, gateway };
}

/** Removes every network of the sandbox. Absent is fine. */
export async function removeNetworks(on: Docker, directory: string): Promise<void> {
  const ids = await docker(on, ['network', 'ls', '--quiet', '--filter', `label=${stateLabel(directory)}`]);
  for (const id of ids.split('\n').filter(Boolean)) await docker(on, ['network', 'rm', id]);
}

export function networkName(id: string): string {
  return `edge-train-${id}`;
}

/** An interface's name has at most 15 characters. */
export function bridgeName(id: string): string {
  return `et-${id}`;
}

/** Docker assigns addresses by our choice (`--ip`) only on networks whose subnet was given, so a free one is found first. */
async function create(on: Docker, name: string, directory: string, state: SandboxState): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { subnet, gateway } = state.network ?? (await freeSubnet(on, name, directory));
    try {
      await docker(on, [
        ...['network', 'create', '--internal', '--label', stateLabel(directory)],
        ...['-o', `com.docker.network.bridge.name=${bridgeName(state.id)}`],
        ...['-o', 'com.docker.network.bridge.enable_icc=false', '--subnet', subnet, '--gateway', gateway],
        name,
      ]);
      return;
    } catch (error) {
      if (state.network || attempt === 5) throw error; // a new one: another network may have taken it in between
    }
  }
}

/** A subnet that Docker itself would choose now. */
async function freeSubnet(on: Docker, name: string, directory: string): Promise<{ subnet: string; gateway: string }> {
  const probe = `${name}-probe-${process.pid}`;
  await docker(on, ['network', 'create', '--internal', '--label', stateLabel(directory), probe]);
  try {
    const config = (await inspect<InspectedNetwork>(on, 'network', probe))?.IPAM.Config[0];
    if (!config?.Gateway) throw new Error('Docker gave a new network no subnet');
    return { subnet: config.Subnet, gateway: config.Gateway.split('/')[0] ?? '' };
  } finally {
    await docker(on, ['network', 'rm', probe]);
  }
}

/** With a daemon on another machine, or in one of its own (Docker Desktop, rootless), the bridge is not here to listen on. */
function refuseForeignDaemon(name: string, gateway: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', () =>
      reject(
        new Error(
          `the Docker daemon made network ${name}, but its address ${gateway} is not on this machine: the daemon runs ` +
            'elsewhere (another host, Docker Desktop, rootless). The sandbox needs one on this machine: install docker.io, ' +
            'or set DOCKER_HOST',
        ),
      ),
    );
    server.listen({ host: gateway, port: 0 }, () => server.close(() => resolve()));
  });
}
