import assert from 'node:assert/strict';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { runChecks } from '../../activities/checks.ts';
import { temporalCheck } from '../../activities/site/check/temporal.ts';
import type { SiteDependencies } from '../../activities/site/dependencies.ts';
import type { SiteSession } from '../../activities/site/site-session.ts';
import type { Check } from '../../domain/check.ts';
import { isLoopback, mustRefuseStrangers, receptionOf } from '../../domain/temporal-server.ts';
import { generateSigningKey } from '../../services/signing.ts';
import { publicKeySet } from '../../services/temporal-token.ts';
import { startProxy } from '../edge/site.ts';

const key = generateSigningKey().privateKey;
const DENIED = 7;

/** gRPC over HTTP/2: answers, with nothing in it, whose credential it takes, and refuses all others. */
async function guardedServer(t: TestContext, takes: (header: string | undefined) => Promise<boolean>): Promise<string> {
  const server = createServer();
  server.on('stream', (stream, { authorization }) => {
    stream.on('error', () => undefined);
    void takes(authorization).then((taken) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(taken ? 0 : DENIED) }));
      stream.end(taken ? Buffer.alloc(5) : undefined);
    });
  });
  server.on('session', (session) => t.after(() => session.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** As Temporal's: a JWT by a key of the set, with a right in the namespace. */
const takesJwt = (id: string, namespace: string) => {
  const keys = createLocalJWKSet(publicKeySet([{ id, key }]) as JSONWebKeySet);
  return async (header: string | undefined) => {
    const verified = await jwtVerify(header?.replace(/^Bearer /, '') ?? '', keys).catch(() => undefined);
    return (verified?.payload['permissions'] as string[] | undefined)?.includes(`${namespace}:write`) === true;
  };
};

async function check(t: TestContext, temporal: Record<string, unknown> & { address: string }): Promise<Check> {
  const proxy = await startProxy('127.0.0.1', [temporal.address]);
  t.after(() => proxy.close());
  const site = { uplink: proxy.url, temporal: { namespace: 'hospital', tls: false, ...temporal } };
  const session = { site, ca: undefined } as unknown as SiteSession;
  const secrets = { resolve: async (name: string) => (name === 'env:KEY' ? key : 'an API key') };
  const [seen] = await runChecks('site', [temporalCheck(session, { secrets } as unknown as SiteDependencies)]);
  assert.equal(seen?.name, 'VMs’ credential');
  assert.ok(!JSON.stringify(seen).includes('eyJ'), 'no credential is told');
  return seen;
}

const jwt = { signingKey: 'env:KEY', keyId: 'one', minutes: 60 };

test('all is well where the server takes what the site signs, and nobody without', async (t) => {
  const address = await guardedServer(t, takesJwt('one', 'hospital'));
  const { state, detail } = await check(t, { address, jwt });
  assert.deepEqual([state, detail], ['ok', `${address} takes what the key one signs, and no anonymous call`]);
});

test('a shared API key is tried as it is', async (t) => {
  const address = await guardedServer(t, async (header) => header === 'Bearer an API key');
  const { state, detail } = await check(t, { address, apiKey: 'env:API' });
  assert.deepEqual([state, detail], ['ok', `${address} takes temporal.apiKey, and no anonymous call`]);
});

for (const [what, takes, words] of [
  ['lets everybody in', async () => true, /lets anonymous calls into the namespace hospital/],
  ['knows another key', takesJwt('two', 'hospital'), /refuses what temporal\.jwt signs with the key one: no VM/],
  ['gives rights elsewhere', takesJwt('one', 'clinic'), /refuses what temporal\.jwt signs/],
] as const)
  test(`a server that ${what} is a fault`, async (t) => {
    const { state, detail, fix } = await check(t, { address: await guardedServer(t, takes), jwt });
    assert.equal(state, 'fault');
    assert.match(detail, words);
    assert.ok(fix);
  });

test('none is needed at this machine’s own server; what the uplink does not let through has a check of its own', async (t) => {
  const open = await guardedServer(t, async () => true);
  assert.deepEqual((await check(t, { address: open })).state, 'ok');
  const proxy = await startProxy('127.0.0.1', []);
  t.after(() => proxy.close());
  const site = { uplink: proxy.url, temporal: { address: open, namespace: 'hospital', tls: false, jwt } };
  const secrets = { resolve: async () => key };
  const work = temporalCheck({ site } as unknown as SiteSession, { secrets } as unknown as SiteDependencies);
  assert.equal((await runChecks('site', [work]))[0]?.state, 'unknown');
});

test('a server must refuse strangers unless it is this machine’s own and no credential is shown to it', () => {
  assert.equal(mustRefuseStrangers('127.0.0.1:7233', false), false);
  assert.equal(mustRefuseStrangers('127.0.0.1:7233', true), true, 'the near end of a tunnel');
  assert.equal(mustRefuseStrangers('temporal.example:7233', false), true);
  assert.ok(isLoopback('[::1]:7233') && !isLoopback('127.0.0.1.example:7233'));
  assert.deepEqual([0, 5, 7, 16, 14, 4, -1].map(receptionOf), [
    ...['answers', 'answers', 'refuses', 'refuses', 'silent', 'silent', 'answers'],
  ]);
});
