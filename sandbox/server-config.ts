import { join } from 'node:path';
import type { Docker } from './docker.ts';
import type { MachinesConfig } from './machines/config.ts';
import type { SiteNetwork } from './network.ts';
import type { ServerConfig } from './server/config.ts';
import { statePaths, type SandboxState } from './state.ts';
import type { Tools } from './tools.ts';
import { writeWhole } from './write-whole.ts';

/** Debian's bundle, which also holds what this machine's operator added (a company's inspecting proxy, say). */
const systemBundle = process.env.SSL_CERT_FILE ?? '/etc/ssl/certs/ca-certificates.crt';

/** Writes `DIR/server.json` for the server process. */
export function writeServerConfig(
  directory: string,
  state: SandboxState,
  network: SiteNetwork,
  machines: MachinesConfig,
): ServerConfig {
  const { ports, accounts } = state;
  const config: ServerConfig = {
    bindCloud: '127.0.0.1',
    ports: {
      ...{ stackHub: ports.stackHub, azure: ports.azure, registry: ports.registry, release: ports.release },
      adminHttp: ports.admin,
    },
    siteBlob: { address: network.gateway, port: ports.siteBlob },
    azurite: { url: `https://127.0.0.1:${ports.azurite}`, ca: statePaths(directory).ca },
    dockerRegistry: { url: `http://127.0.0.1:${ports.dockerRegistry}` },
    ...(state.pullToken ? { pullToken: state.pullToken } : {}),
    accounts,
    stackHub: {
      ...state.stackHub,
      location: 'local',
      storageAccountResourceGroup: 'site-storage',
      vmImages: ['debian:12:minimal:latest'],
    },
    azure: {
      ...state.azure,
      ...{ location: 'westeurope', resourceGroup: 'edge-train', workspace: 'edge-train' },
      attachFrom: '198.51.100.0/28', // a documentation range: nobody's address
    },
    machines,
  };
  writeWhole(join(directory, 'server.json'), JSON.stringify(config, null, 2));
  return config;
}

export function machinesConfig(
  directory: string,
  state: SandboxState,
  network: SiteNetwork,
  tools: Tools,
  on: Docker,
): MachinesConfig {
  return {
    stateDirectory: directory,
    stateId: state.id,
    docker: on,
    network: { name: network.name, subnet: network.subnet, gateway: network.gateway },
    image: tools.vmImage,
    trust: [systemBundle, statePaths(directory).ca],
  };
}
