import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { Machines } from '../../sandbox/machines/contract.ts';
import type { ModelServers } from '../../sandbox/model-servers/contract.ts';
import type { ServerConfig } from '../../sandbox/server/config.ts';
import { startServer, type RunningServer } from '../../sandbox/server/server.ts';
import type { FaultOrder } from '../../sandbox/server/faults.ts';
import { modelServersDouble } from './model-servers-double.ts';

/** The server alone, in this process, on free loopback ports, with the given machines behind it. */
export interface Fixture extends AsyncDisposable {
  directory: string;
  config: ServerConfig;
  stackHub: string;
  azure: string;
  ca: string;
  restart(): Promise<void>;
  fault(order: FaultOrder): Promise<string>;
  admin<T>(method: string, path: string, body?: unknown): Promise<T>;
}

export async function startFixture(
  machines: Machines,
  change: (config: ServerConfig) => ServerConfig = (config) => config,
  modelServers: ModelServers = modelServersDouble(),
): Promise<Fixture> {
  const directory = await mkdtemp(join(tmpdir(), 'edge-train-sandbox-'));
  const config = change(await makeConfig());
  let server: RunningServer = await startServer(directory, config, machines, modelServers);
  const admin = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(`http://127.0.0.1:${config.ports.adminHttp}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  return {
    ...{ directory, config, admin },
    stackHub: `https://127.0.0.1:${config.ports.stackHub}`,
    azure: `https://127.0.0.1:${config.ports.azure}`,
    ca: readFileSync(join(directory, 'ca.pem'), 'utf8'),
    restart: async () => {
      await server.close();
      server = await startServer(directory, config, machines, modelServers);
    },
    fault: async (order) => (await admin<{ id: string }>('POST', '/faults', order)).id,
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export async function makeConfig(): Promise<ServerConfig> {
  const [stackHub, azure, registry, release, adminHttp, site] = (await Promise.all(
    Array.from({ length: 6 }, freePort),
  )) as [number, number, number, number, number, number];
  return {
    bindCloud: '127.0.0.1',
    ports: { stackHub, azure, registry, release, adminHttp },
    siteBlob: { address: '127.0.0.1', port: site },
    azurite: { url: 'http://127.0.0.1:1' },
    dockerRegistry: { url: 'http://127.0.0.1:1' },
    accounts: { site: { name: 'sitedata', key: secret() }, release: { name: 'releases', key: secret() } },
    stackHub: {
      ...{ subscription: randomUUID(), location: 'local', clientId: randomUUID(), clientSecret: secret() },
      ...{ storageAccountResourceGroup: 'operator', vmImages: ['debian:12:minimal:1.0.0'] },
    },
    azure: {
      ...{
        tenant: randomUUID(),
        subscription: randomUUID(),
        location: 'westeurope',
        resourceGroup: 'ml',
        workspace: 'training',
      },
      ...{ clientId: randomUUID(), clientSecret: secret(), attachFrom: '198.51.100.0/28' },
    },
    machines: {},
    operationMilliseconds: 30,
  };
}

export function secret(): string {
  return randomBytes(32).toString('base64');
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: unknown;
}

/** One raw HTTPS request that trusts the sandbox's CA. */
export async function send(
  ca: string,
  method: string,
  url: string,
  options: { headers?: Record<string, string>; body?: unknown } = {},
): Promise<Answer> {
  const { body } = options;
  const bytes = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const headers = {
    ...(bytes === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(bytes)) }),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, ca, agent: false }, (answer) => {
      text(answer).then((received) => {
        const type = answer.headers['content-type'] ?? '';
        const parsed: unknown = type.includes('json') && received !== '' ? JSON.parse(received) : received;
        resolve({ status: answer.statusCode!, headers: answer.headers, body: parsed });
      }, reject);
    });
    outgoing.once('error', reject).end(bytes);
  });
}

/** A token by the client credentials grant of the given front. */
export async function token(
  { ca, stackHub, azure, config }: Fixture,
  which: 'stackHub' | 'azure',
  resource?: string,
): Promise<string> {
  const hub = which === 'stackHub';
  const { clientId, clientSecret } = hub ? config.stackHub : config.azure;
  const url = hub ? `${stackHub}/adfs/oauth2/token` : `${azure}/${config.azure.tenant}/oauth2/v2.0/token`;
  const audience = resource ?? (hub ? await hubAudience({ ca, stackHub }) : 'https://management.azure.com');
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret,
    scope: `${audience}/.default`,
  });
  const answer = await send(ca, 'POST', url, {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  return (answer.body as { access_token: string }).access_token;
}

export async function hubAudience({ ca, stackHub }: Pick<Fixture, 'ca' | 'stackHub'>): Promise<string> {
  const { body } = await send(ca, 'GET', `${stackHub}/metadata/endpoints?api-version=2019-10-01`);
  return (body as [{ authentication: { audiences: [string] } }])[0].authentication.audiences[0];
}

/** Clients of this process trust the sandbox's CA, as NODE_EXTRA_CA_CERTS would have them. */
export function trust(ca: string): void {
  setDefaultCACertificates([...getCACertificates(), ca]);
}
