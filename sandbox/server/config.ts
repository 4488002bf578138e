import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `DIR/server.json`, written by the supervisor (mode 0600, it holds secrets), read once when the server starts. */
export interface ServerConfig {
  /** Where every front but the site's blobs listens. */
  bindCloud: string;
  ports: { stackHub: number; azure: number; registry: number; release: number; adminHttp: number };
  /** The bridge's gateway address, which VMs reach, and the port there. */
  siteBlob: { address: string; port: number };
  /** `ca`: PEM file, where the URL is https. A SAS that asks for https is refused by an Azurite that is spoken to in http. */
  azurite: { url: string; ca?: string };
  /** `referrers: false`: as registries that do not serve the referrers API, and say no `OCI-Subject`. */
  dockerRegistry: { url: string; referrers?: boolean };
  /** A repository token: a name and a password that may pull, and nothing else. */
  pullToken?: { name: string; password: string };
  accounts: { site: StorageAccountKey; release: StorageAccountKey };
  stackHub: {
    subscription: string;
    location: string;
    clientId: string;
    clientSecret: string;
    /** The group that holds the site's storage account; there from the start. */
    storageAccountResourceGroup: string;
    /** Images that the operator offers, as publisher:offer:sku:version. */
    vmImages: string[];
    /** Sizes the operator offers; default: all that the sandbox knows (stack-hub/sizes.ts). */
    vmSizes?: string[];
    /** Default 8 cores, 20 machines. */
    quota?: { cores?: number; virtualMachines?: number };
  };
  azure: {
    tenant: string;
    subscription: string;
    location: string;
    resourceGroup: string;
    workspace: string;
    clientId: string;
    clientSecret: string;
    /** CIDR that Azure ML dials VMs from when it attaches them. */
    attachFrom: string;
  };
  /** Handed to `createMachines` untouched. */
  machines: unknown;
  /** The least time that an asynchronous operation takes. Default 150. */
  operationMilliseconds?: number;
}

export interface StorageAccountKey {
  name: string;
  /** Base64. */
  key: string;
}

/** Files of the server inside the state directory. `ca` is the public certificate that SandboxInfo.caFile names. */
export function serverPaths(directory: string): { config: string; ca: string; own: string } {
  return { config: join(directory, 'server.json'), ca: join(directory, 'ca.pem'), own: join(directory, 'server') };
}

export function readConfig(directory: string): ServerConfig {
  return JSON.parse(readFileSync(serverPaths(directory).config, 'utf8')) as ServerConfig;
}
