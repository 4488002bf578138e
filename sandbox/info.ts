import { join } from 'node:path';
import type { Docker } from './docker.ts';
import { networkName } from './network.ts';
import type { PackageIndex } from './package-index.ts';
import type { ServerConfig } from './server/config.ts';
import { statePaths, type SandboxState } from './state.ts';
import { writeWhole } from './write-whole.ts';

/** What clients need to know of a sandbox. `DIR/sandbox.json`; printed by `start` and `status`. No secret is in it. */
export interface SandboxInfo {
  /** PEM of the sandbox's own authority. */
  caFile: string;
  /** Faults, gates, audit log. */
  admin: string;
  stackHub: {
    endpoint: string;
    tenant: 'adfs';
    subscription: string;
    location: string;
    clientId: string;
    clientSecretFile: string;
    vmImage: string;
    storageAccount: string;
    storageAccountResourceGroup: string;
    /** Reached from this machine and from VMs. */
    blobEndpoint: string;
  };
  azure: {
    endpoint: string;
    authority: string;
    tenant: string;
    subscription: string;
    resourceGroup: string;
    workspace: string;
    clientId: string;
    clientSecretFile: string;
    audience: string;
    /** CIDR that Azure ML dials from. */
    attachFrom: string;
  };
  /** The cloud's storage account; VMs reach it through the uplink only. */
  release: { account: string; blobEndpoint: string; accountKeyFile: string };
  /** `username` and the password in the file pull, and do nothing else. */
  registry: { loginServer: string; username: string; passwordFile: string };
  /** `address`: the CONNECT proxy; `control`: GET and POST, see uplink/control.ts. */
  uplink: { address: string; accessLog: string; control: string };
  temporal: { address: string; ui: string; namespace: string };
  /** Docker network of the VMs. */
  network: string;
  /** `host`: DOCKER_HOST of the sandbox's own daemon, absent when the machine's is used. */
  docker: { host?: string };
  /** What VMs install packages from, and the HOST:PORTs that the uplink lets through for it. */
  packageIndex?: PackageIndex;
}

/** Writes the secrets' files and `sandbox.json`. */
export function writeInfo(directory: string, config: ServerConfig, state: SandboxState, on: Docker): SandboxInfo {
  const paths = statePaths(directory);
  const secret = (name: string, value: string) => {
    writeWhole(join(paths.secrets, name), value);
    return join(paths.secrets, name);
  };
  const { ports, accounts } = state;
  const { stackHub, azure } = config;
  const loopback = (port: number) => `https://127.0.0.1:${port}`;
  const info: SandboxInfo = {
    caFile: paths.ca,
    admin: `http://127.0.0.1:${ports.admin}`,
    stackHub: {
      ...{ endpoint: loopback(ports.stackHub), tenant: 'adfs', subscription: stackHub.subscription },
      ...{ location: stackHub.location, clientId: stackHub.clientId },
      clientSecretFile: secret('stack-hub-client', stackHub.clientSecret),
      vmImage: stackHub.vmImages[0] ?? '',
      storageAccount: accounts.site.name,
      storageAccountResourceGroup: stackHub.storageAccountResourceGroup,
      blobEndpoint: `https://${config.siteBlob.address}:${ports.siteBlob}/${accounts.site.name}`,
    },
    azure: {
      ...{ endpoint: loopback(ports.azure), authority: loopback(ports.azure), tenant: azure.tenant },
      ...{ subscription: azure.subscription, resourceGroup: azure.resourceGroup, workspace: azure.workspace },
      clientId: azure.clientId,
      clientSecretFile: secret('azure-client', azure.clientSecret),
      audience: 'https://management.azure.com',
      attachFrom: azure.attachFrom,
    },
    release: {
      account: accounts.release.name,
      blobEndpoint: `${loopback(ports.release)}/${accounts.release.name}`,
      accountKeyFile: secret('release-account-key', accounts.release.key),
    },
    registry: {
      loginServer: `127.0.0.1:${ports.registry}`,
      username: state.pullToken?.name ?? '',
      passwordFile: secret('registry-pull-token', state.pullToken?.password ?? ''),
    },
    uplink: {
      address: `http://${config.siteBlob.address}:${ports.uplink}`,
      accessLog: paths.accessLog,
      control: `http://127.0.0.1:${ports.uplinkControl}`,
    },
    temporal: {
      address: `127.0.0.1:${ports.temporal}`,
      ui: `http://127.0.0.1:${ports.temporalUi}`,
      namespace: state.temporal.namespace,
    },
    network: networkName(state.id),
    docker: on.host ? { host: on.host } : {},
    packageIndex: state.packageIndex,
  };
  writeWhole(paths.info, JSON.stringify(info, null, 2));
  return info;
}
