import 'reflect-metadata';
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttp2Server } from 'node:http2';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { createServer } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { SEARCH_ATTRIBUTE } from '../../domain/search-attributes.ts';
import { isLoopback } from '../../domain/temporal-server.ts';
import { serverCertificate } from '../../sandbox/server/certificate-authority.ts';
import { refuseAnonymousServer, requireSearchAttributes } from '../../workers/server-check.ts';
import { startTemporal, type TemporalServer } from '../support/temporal.ts';

let server: TemporalServer;
before(async () => (server = await startTemporal()));
after(() => server?.stop());

/** As the worker does it, with a server that is taken for a production one though the test has it on loopback. */
async function check(t: TestContext, options: NativeConnectionOptions): Promise<void> {
  const connection = await NativeConnection.connect(options);
  t.after(() => connection.close());
  await refuseAnonymousServer({ options, namespace: 'default' }, connection, () => true);
}

test('a production server that answers anonymous calls is refused, with what to do', async (t) => {
  await assert.rejects(check(t, { address: server.address }), {
    name: 'StartError',
    message: /lets anonymous calls into the namespace default.*Make the server demand a credential/,
  });
});

test('the same server on loopback is taken', async (t) => {
  const options = { address: server.address };
  const connection = await NativeConnection.connect(options);
  t.after(() => connection.close());
  await refuseAnonymousServer({ options, namespace: 'default' }, connection);
});

test('loopback is what only this machine reaches', () => {
  for (const address of ['127.0.0.1:7233', '127.1.2.3:7233', 'localhost:7233', '[::1]:7233'])
    assert.ok(isLoopback(address), address);
  for (const address of [
    '10.0.0.1:7233',
    'temporal:7233',
    'localhost.example:7233',
    '127.0.0.1.example:7233',
    '[::]:1',
  ])
    assert.ok(!isLoopback(address), address);
});

for (const demands of [true, false]) {
  test(`behind TLS that ${demands ? 'demands' : 'only asks for'} a client certificate, the server is ${demands ? 'taken' : 'refused'}`, async (t) => {
    const { address, tls } = await tlsFront(t, demands);
    const checked = check(t, { address, tls });
    if (demands) await checked;
    else await assert.rejects(checked, { name: 'StartError', message: /anonymous/ });
  });
}

test('a server that wants an API key is taken, and a wrong answer to a stranger is an answer all the same', async (t) => {
  for (const [toStrangers, taken] of [
    [16, true],
    [7, true],
    [5, false],
  ] as const) {
    const options = { address: await keyedServer(t, toStrangers), apiKey: 'secret', tls: false };
    const checked = check(t, options);
    if (taken) await checked;
    else await assert.rejects(checked, { name: 'StartError', message: /anonymous/ });
  }
});

test('a server that has gone away refuses nobody', async (t) => {
  const gone = await startTemporal();
  const connection = await NativeConnection.connect({ address: gone.address });
  t.after(() => connection.close());
  await gone.stop();
  await assert.rejects(
    refuseAnonymousServer({ options: { address: gone.address }, namespace: 'default' }, connection, () => true),
    (error: Error) => error.name !== 'StartError',
  );
});

test('a namespace that lacks a search attribute is refused with the command that makes it', async (t) => {
  const { site, model, jobStatus } = SEARCH_ATTRIBUTE;
  const bare = await startTemporal([site, model, jobStatus]);
  t.after(() => bare.stop());
  const ask = async ({ address }: TemporalServer) => {
    const connection = await NativeConnection.connect({ address });
    t.after(() => connection.close());
    await requireSearchAttributes({ options: { address }, namespace: 'default' }, connection);
  };
  await ask(server);
  await assert.rejects(ask(bare), {
    name: 'StartError',
    message:
      /temporal operator search-attribute create --namespace default --name EdgeTrainVirtualMachine --type Keyword$/,
  });
});

/** TLS in front of the real server. */
async function tlsFront(t: TestContext, demands: boolean): Promise<{ address: string; tls: object }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'edge-train-front-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const paths = { ca: path.join(folder, 'ca.pem'), own: path.join(folder, 'own') };
  const { key, cert } = await serverCertificate(paths, ['127.0.0.1']);
  const client = await clientCertificate();
  const front = createServer(
    { key, cert, ca: client.crt, requestCert: true, rejectUnauthorized: demands, ALPNProtocols: ['h2'] },
    (socket) => {
      const behind = connect({ host: '127.0.0.1', port: Number(server.address.split(':')[1]), noDelay: true });
      for (const each of [socket, behind]) each.on('error', () => (socket.destroy(), behind.destroy()));
      socket.pipe(behind).pipe(socket);
      t.after(() => socket.destroy());
    },
  );
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  t.after(() => front.close());
  const tls = { serverRootCACertificate: await readFile(paths.ca), clientCertPair: client };
  return { address: `127.0.0.1:${(front.address() as AddressInfo).port}`, tls };
}

async function clientCertificate(): Promise<{ crt: Buffer; key: Buffer }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=worker',
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    signingAlgorithm: algorithm,
    keys,
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { crt: Buffer.from(made.toString('pem')), key: Buffer.from(key) };
}

/** gRPC over HTTP/2: an empty answer to who shows a key, a status to who does not. */
async function keyedServer(t: TestContext, toStrangers: number): Promise<string> {
  const server = createHttp2Server();
  server.on('stream', (stream, headers) => {
    const status = headers.authorization === 'Bearer secret' ? 0 : toStrangers;
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status) }));
    stream.end(status === 0 ? Buffer.alloc(5) : undefined);
  });
  server.on('session', (session) => t.after(() => session.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
