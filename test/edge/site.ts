import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttp } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverCertificate } from '../../sandbox/server/certificate-authority.ts';
import { openAccount, STACK_HUB_VERSION, type BlobAccount } from '../../services/blob-storage.ts';
import { until } from '../support/until.ts';

const root = join(import.meta.dirname, '..', '..');
const ACCOUNT = 'siteaccount';
const KEY = Buffer.alloc(64, 7).toString('base64');

/** What a VM reaches of its site: blob storage, and a CONNECT proxy that opens tunnels to `allow` only. */
export interface TestSite {
  readonly blobEndpoint: string;
  readonly ca: string;
  readonly account: BlobAccount;
  readonly uplink: string;
  /** CONNECT targets that were asked for, refused ones too. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** `host`: the address on which the VM reaches this machine. */
export async function startSite(host: string, allow: string[]): Promise<TestSite> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-train-site-'));
  const paths = { ca: join(folder, 'ca.pem'), own: join(folder, 'own') };
  await serverCertificate(paths, ['127.0.0.1', host]);
  const port = await freePort(host);
  const azurite = spawn(
    process.execPath,
    [
      join(root, 'node_modules/azurite/dist/src/blob/main.js'),
      ...[
        '--blobHost',
        host,
        '--blobPort',
        String(port),
        '--location',
        join(folder, 'blobs'),
        '--silent',
        '--skipApiVersionCheck',
      ],
      ...['--disableTelemetry', '--cert', join(paths.own, 'tls.pem'), '--key', join(paths.own, 'tls.key')],
    ],
    { env: { ...process.env, AZURITE_ACCOUNTS: `${ACCOUNT}:${KEY}` }, stdio: 'ignore' },
  );
  await listening(host, port, azurite);
  const ca = await readFile(paths.ca, 'utf8');
  const blobEndpoint = `https://${host}:${port}/${ACCOUNT}`;
  const proxy = await startProxy(host, allow);
  return {
    blobEndpoint,
    ca,
    account: openAccount({ endpoint: blobEndpoint, key: KEY, ca, apiVersion: STACK_HUB_VERSION }),
    uplink: proxy.url,
    asked: proxy.asked,
    async close() {
      proxy.close();
      const exit = new Promise((resolve) => azurite.once('exit', resolve));
      azurite.kill('SIGKILL');
      await exit;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A CONNECT proxy with an allow-list. */
export async function startProxy(
  host: string,
  allow: string[],
): Promise<{ url: string; asked: string[]; close(): void }> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createHttp().on('connect', (request, client: Socket) => {
    const target = request.url ?? '';
    asked.push(target);
    if (!allow.includes(target)) return void client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const [name = '', port] = target.split(':');
    const upstream = connect({ host: name, port: Number(port), noDelay: true, allowHalfOpen: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => [client, upstream].forEach((each) => each.destroySoon()));
    }
    upstream.on('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const close = () => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  };
  return { url: `http://${host}:${(server.address() as AddressInfo).port}`, asked, close };
}

async function freePort(host: string): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, host, resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function listening(host: string, port: number, child: ChildProcess): Promise<void> {
  const open = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect({ host, port }, () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
  await until(`Azurite listens on ${host}:${port}`, () => {
    if (child.exitCode !== null) throw new Error('Azurite ended at once');
    return open();
  });
}
