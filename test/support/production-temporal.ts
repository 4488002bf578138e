import { spawn } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import { SignJWT } from 'jose';
import { stringify } from 'yaml';
import { SEARCH_ATTRIBUTE } from '../../domain/search-attributes.ts';
import { publicKeySet } from '../../services/temporal-token.ts';
import type { TemporalServer } from './temporal.ts';
import { until } from './until.ts';

const PROGRAM = path.join(import.meta.dirname, '../../.tools/temporal-server');
const KEYWORD = 2;

export interface ProductionTemporal extends TemporalServer {
  /** Of the key set: makes credentials that the server takes. */
  readonly signingKey: string;
  readonly keyId: string;
  /** Of whoever sets the server up. */
  readonly admin: string;
  /** Of other people than VMs. */
  credential(subject: string, permission: string, seconds?: number): Promise<string>;
  /** The key set from now on; the server reads it every second. */
  publish(...keys: SigningKey[]): Promise<void>;
}

export interface SigningKey {
  readonly id: string;
  /** Its private half, PEM. */
  readonly key: string;
}

export function signingKey(id: string, kind: 'ec' | 'rsa' = 'ec'): SigningKey {
  const { privateKey } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { id, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/**
 * Temporal's production server (`npm run test:tools` builds it), in memory, on loopback; with its authorizer and its claim mapper, or
 * with neither. It has the namespaces, which know edge-train's search attributes.
 */
export async function startProductionTemporal({
  authorizer,
  namespaces,
}: {
  authorizer: boolean;
  namespaces: readonly string[];
}): Promise<ProductionTemporal> {
  const folder = await mkdtemp(path.join(tmpdir(), 'edge-train-production-'));
  const key = signingKey('first');
  const keySet = path.join(folder, 'keys.json');
  const publish = (...keys: SigningKey[]) => writeFile(keySet, JSON.stringify(publicKeySet(keys)));
  await publish(key);
  const ports = await freePorts(14);
  await writeFile(path.join(folder, 'server.yaml'), stringify(configuration(ports, authorizer ? keySet : undefined)));
  await writeFile(path.join(folder, 'dynamic.yaml'), stringify(DYNAMIC));
  const server = spawn(
    PROGRAM,
    [
      ...['--config-file', path.join(folder, 'server.yaml'), ...(authorizer ? [] : ['--allow-no-auth']), 'start'],
      ...SERVICES.flatMap((service) => ['--service', service]),
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [server.stdout, server.stderr])
    stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
  const address = `127.0.0.1:${ports[0]}`;
  const credential = (subject: string, permission: string, seconds = 3600) =>
    new SignJWT({ permissions: [permission] })
      .setProtectedHeader({ alg: 'ES256', kid: key.id })
      .setSubject(subject)
      .setExpirationTime(new Date(Date.now() + seconds * 1000))
      .sign(createPrivateKey(key.key));
  const stop = async () => {
    if (server.exitCode === null && server.signalCode === null) {
      const exit = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGKILL');
      await exit;
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const admin = await credential('operator', 'temporal-system:admin');
    await prepare(address, admin, namespaces, () => {
      if (server.exitCode !== null) throw new Error(`the server ended: ${said}`);
    });
    const signed = { signingKey: key.key, keyId: key.id, admin, credential, publish };
    return { address, namespace: namespaces[0] ?? '', stop, ...signed };
  } catch (error) {
    await stop();
    throw new Error(`the server is not ready: ${said}`, { cause: error });
  }
}

/** Its own workers speak to the internal front, which asks nobody for a credential. */
const SERVICES = ['frontend', 'internal-frontend', 'matching', 'history', 'worker'];

const DYNAMIC = {
  'history.transferProcessorMaxPollRPS': [{ value: 2000 }],
  'history.timerProcessorMaxPollRPS': [{ value: 2000 }],
  'history.visibilityProcessorMaxPollRPS': [{ value: 2000 }],
  'system.forceSearchAttributesCacheRefreshOnRead': [{ value: true }],
};

/** After `config/development-sqlite.yaml` and `development-jwt.yaml` of go.temporal.io/server 1.32. */
function configuration(ports: readonly number[], keySet: string | undefined) {
  const [frontend = 0, http = 0, ...rest] = ports;
  const rpc = (i: number) => ({
    rpc: { grpcPort: rest[2 * i], membershipPort: rest[2 * i + 1], bindOnLocalHost: true },
  });
  const store = (databaseName: string) => ({
    sql: {
      pluginName: 'sqlite',
      databaseName,
      ...{ user: '', password: '', connectAddr: 'localhost', connectProtocol: 'tcp' },
      connectAttributes: { mode: 'memory', cache: 'private' },
      ...{ maxConns: 1, maxIdleConns: 1, maxConnLifetime: '1h' },
    },
  });
  return {
    log: { stdout: true, level: 'warn' },
    persistence: {
      ...{ defaultStore: 'main', visibilityStore: 'visibility', numHistoryShards: 1 },
      datastores: { main: store('default'), visibility: store('default') },
    },
    global: {
      membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' },
      ...(keySet
        ? {
            authorization: {
              ...{ authorizer: 'default', claimMapper: 'default', permissionsClaimName: 'permissions' },
              jwtKeyProvider: { keySourceURIs: [`file://${keySet}`], refreshInterval: '1s' },
            },
          }
        : {}),
    },
    services: {
      frontend: {
        rpc: { grpcPort: frontend, httpPort: http, membershipPort: rest[8], bindOnLocalHost: true },
      },
      ...{ matching: rpc(0), history: rpc(1), worker: rpc(2), 'internal-frontend': rpc(3) },
    },
    clusterMetadata: {
      ...{ enableGlobalNamespace: false, failoverVersionIncrement: 10 },
      ...{ masterClusterName: 'active', currentClusterName: 'active' },
      clusterInformation: {
        active: { enabled: true, initialFailoverVersion: 1, rpcName: 'frontend', rpcAddress: `localhost:${frontend}` },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    dynamicConfigClient: { filepath: 'dynamic.yaml', pollInterval: '10s' },
  };
}

async function prepare(
  address: string,
  admin: string,
  namespaces: readonly string[],
  requireAlive: () => void,
): Promise<void> {
  const connection = Connection.lazy({ address, apiKey: admin, tls: false });
  try {
    for (const namespace of namespaces) {
      await until(
        `the server makes the namespace ${namespace}`,
        async () => {
          requireAlive();
          const registration = { namespace, workflowExecutionRetentionPeriod: { seconds: 86_400 as never } };
          return connection
            .withDeadline(Date.now() + 2000, () => connection.workflowService.registerNamespace(registration))
            .then(
              () => true,
              (error: { code?: number }) => error.code === 6,
            );
        },
        60,
      );
      const searchAttributes = Object.fromEntries(Object.values(SEARCH_ATTRIBUTE).map((name) => [name, KEYWORD]));
      await until(
        `the namespace ${namespace} knows its search attributes`,
        async () => {
          await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
          return true;
        },
        60,
      );
    }
  } finally {
    await connection.close();
  }
}

/** Held all at once, so that no two are one. */
async function freePorts(count: number): Promise<number[]> {
  const probes = await Promise.all(
    Array.from({ length: count }, async () => {
      const probe = createServer();
      await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
      return probe;
    }),
  );
  const ports = probes.map((probe) => (probe.address() as AddressInfo).port);
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return ports;
}
