import { createServer as createHttps } from 'node:https';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { dialPublic } from '../azure/dial.ts';
import { azureFront } from '../azure/front.ts';
import { listChildren, workspaceId, type Cloud } from '../azure/cloud.ts';
import { resumeDeployments } from '../azure/online-deployments.ts';
import { managementAudience, registryAudience } from '../azure/token.ts';
import { blobFront } from '../blob/front.ts';
import type { Machines } from '../machines/contract.ts';
import type { ModelServers } from '../model-servers/contract.ts';
import { registryFront } from '../registry/front.ts';
import type { Registry } from '../registry/registry.ts';
import { stackHubFront } from '../stack-hub/front.ts';
import type { Hub } from '../stack-hub/hub.ts';
import { adminServer } from './admin.ts';
import { Audit } from './audit.ts';
import { serverCertificate } from './certificate-authority.ts';
import { serverPaths, type ServerConfig } from './config.ts';
import { Faults } from './faults.ts';
import { listener, type Front } from './front.ts';
import { Operations } from './operations.ts';
import { Store } from './store.ts';
import { checkBearer, tokenKey, type TokenKey } from './tokens.ts';

export interface RunningServer {
  close(): Promise<void>;
}

/** Starts every front and the admin port; resolves when all listen. What was unfinished at the last death goes on. */
export async function startServer(
  directory: string,
  config: ServerConfig,
  machines: Machines,
  modelServers: ModelServers,
): Promise<RunningServer> {
  const paths = serverPaths(directory);
  const store = new Store(join(paths.own, 'state'));
  const audit = new Audit(join(paths.own, 'audit'));
  const faults = new Faults();
  const operations = new Operations(store, faults, config.operationMilliseconds ?? 150);
  const names = [...new Set(['127.0.0.1', 'localhost', config.bindCloud, config.siteBlob.address])];
  const certificate = await serverCertificate(paths, names);
  const keys = {
    hub: await tokenKey(join(paths.own, 'token-stack-hub.key')),
    azure: await tokenKey(join(paths.own, 'token-azure.key')),
    registry: await tokenKey(join(paths.own, 'token-registry.key')),
  };
  const { ports, bindCloud, siteBlob } = config;
  const hub = hubOf(config, store, operations, machines);
  const cloud = cloudOf(config, store, operations, hub, modelServers);
  const { azurite } = config;
  const places: { front: Front; address: string; port: number }[] = [
    { front: stackHubFront(hub, keys.hub), address: bindCloud, port: ports.stackHub },
    { front: azureFront(cloud, keys.azure), address: bindCloud, port: ports.azure },
    {
      front: registryFront(registryOf(config, store, keys.registry, cloud, keys.azure)),
      address: bindCloud,
      port: ports.registry,
    },
    {
      front: blobFront({ name: 'release-blob', account: config.accounts.release.name, azurite, stackHub: false }),
      address: bindCloud,
      port: ports.release,
    },
    {
      front: blobFront({ name: 'site-blob', account: config.accounts.site.name, azurite, stackHub: true }),
      address: siteBlob.address,
      port: siteBlob.port,
    },
  ];
  operations.resume();
  await resumeDeployments(cloud, listChildren(cloud, `${workspaceId(cloud)}/onlineEndpoints`));
  let ready = false;
  const admin = adminServer({ faults, audit, ready: () => ready });
  const servers: Server[] = [admin];
  await listen(admin, '127.0.0.1', ports.adminHttp);
  for (const { front, address, port } of places) {
    const server = createHttps(
      { ...certificate, keepAliveTimeout: 60_000, requestTimeout: 0 },
      listener(front, faults, audit),
    );
    servers.push(server);
    await listen(server, address, port);
  }
  ready = true;
  return {
    close: async () => {
      faults.remove();
      await Promise.all(servers.map(closed));
      audit.close();
      store.close();
    },
  };
}

function hubOf(config: ServerConfig, store: Store, operations: Operations, machines: Machines): Hub {
  return {
    ...{ store, operations, machines, config: config.stackHub, siteAccount: config.accounts.site },
    blobOrigin: `https://${config.siteBlob.address}:${config.siteBlob.port}`,
    origin: `https://${config.bindCloud}:${config.ports.stackHub}`,
  };
}

function cloudOf(
  config: ServerConfig,
  store: Store,
  operations: Operations,
  hub: Hub,
  modelServers: ModelServers,
): Cloud {
  const at = (port: number) => `${config.bindCloud}:${port}`;
  return {
    ...{ store, operations, modelServers, config: config.azure, releaseAccount: config.accounts.release },
    releaseOrigin: `https://${at(config.ports.release)}`,
    origin: `https://${at(config.ports.azure)}`,
    loginServer: at(config.ports.registry),
    dial: (address, port, credentials) => dialPublic(hub, config.azure.attachFrom, address, port, credentials),
  };
}

function registryOf(config: ServerConfig, store: Store, key: TokenKey, cloud: Cloud, entraKey: TokenKey): Registry {
  const authority = `${cloud.origin}/${config.azure.tenant}`;
  const audience = [managementAudience, `${managementAudience}/`, registryAudience];
  return {
    ...{ store, key, loginServer: cloud.loginServer, upstream: config.dockerRegistry.url },
    servesReferrers: config.dockerRegistry.referrers ?? true,
    ...(config.pullToken ? { pullToken: config.pullToken } : {}),
    checkEntraToken: (token) =>
      checkBearer(entraKey, `Bearer ${token}`, { issuer: `${authority}/v2.0`, audience, authority }),
  };
}

/** The bridge's address comes and goes with Docker: wait for it. A port that is taken is an error. */
async function listen(server: Server, address: string, port: number): Promise<void> {
  for (;;) {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject).listen(port, address, () => {
          server.off('error', reject);
          resolve();
        });
      });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw error;
      await delay(250);
    }
  }
}

async function closed(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    (server as Server & { closeAllConnections?(): void }).closeAllConnections?.();
  });
}
