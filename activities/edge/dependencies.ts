import { Context } from '@temporalio/activity';
import type { BlobConnection } from '../../services/blob-storage.ts';
import type { TemporalCredential } from '../../domain/temporal-credential.ts';
import type { MachinePrivateKey } from '../../domain/machine-config.ts';
import type { Launcher } from '../../services/systemd.ts';

/** What the worker on a VM knows of itself, from files that root wrote. */
export interface EdgeDependencies {
  readonly launcher: Launcher;
  /** SHA-256 of the bundle that runs. */
  readonly bundle: string;
  /** Path of the UUID that every boot writes anew. */
  readonly bootIdFile: string;
  readonly machineKey: MachinePrivateKey;
  /** Keeps the VM's own Temporal credential, and uses it from then on. */
  takeCredential(credential: TemporalCredential): Promise<void>;
  /** The folder that root gave to jobs, environments and caches: /var/lib/edge-train. */
  readonly home: string;
  /** Path of the `uv` that the bundle brought. */
  readonly uv: string;
  /** Path of the lock of the MLflow tracking server's packages. */
  readonly trackingLock: string;
  /** `http://HOST:PORT` of the CONNECT proxy. */
  readonly uplink: string;
  readonly packageIndex: string;
  /** Path of the root-owned policy. */
  readonly policyFile: string;
  /** Blob endpoints that are reached directly. */
  readonly siteBlobEndpoints: readonly string[];
  /** PEM of certificate authorities to trust besides the system's. */
  readonly ca?: string;
}

/** Site endpoints are reached directly and speak Stack Hub's version; everything else goes through the uplink. */
export function connectionTo(url: string, edge: EdgeDependencies, stackHubVersion: string): BlobConnection {
  const ca = edge.ca === undefined ? {} : { ca: edge.ca };
  const { origin } = new URL(url);
  if (edge.siteBlobEndpoints.some((endpoint) => new URL(endpoint).origin === origin)) {
    return { ...ca, apiVersion: stackHubVersion };
  }
  const proxy = new URL(edge.uplink);
  return { ...ca, proxy: { host: proxy.hostname, port: Number(proxy.port) } };
}

/** The same, for a step that a cancelled run does not wait for: what it sends or fetches is broken off. */
export function breakableConnection(url: string, edge: EdgeDependencies, stackHubVersion: string): BlobConnection {
  return { ...connectionTo(url, edge, stackHubVersion), abortSignal: Context.current().cancellationSignal };
}
