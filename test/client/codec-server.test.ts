import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { defaultPayloadConverter } from '@temporalio/common';
import { createCodecServer } from '../../client/codec/server.ts';
import { ClientFile } from '../../domain/client-file.ts';
import { parse } from '../../domain/validation.ts';
import { createPayloadCodec } from '../../services/payload-codec.ts';
import { until } from '../support/until.ts';
import { command, startCommand } from './command.ts';

const UI = 'http://127.0.0.1:8233';
const TOKEN = randomBytes(32).toString('hex');
const CANARY = 'Erika Mustermann';
const keys = { keys: { one: randomBytes(32).toString('base64') }, current: 'one', required: false };
const codec = createPayloadCodec(keys, 'hospital');
const base64 = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('base64');

/** As the UI has it, which gets it from Temporal's own JSON. */
function json(payload: { metadata?: Record<string, Uint8Array> | null; data?: Uint8Array | null }) {
  const metadata = Object.fromEntries(
    Object.entries(payload.metadata ?? {}).map(([name, bytes]) => [name, base64(bytes)]),
  );
  return { metadata, data: base64(payload.data) };
}
const plain = json(defaultPayloadConverter.toPayload({ name: CANARY }));
const encrypted = async () => json((await codec.encode([defaultPayloadConverter.toPayload({ name: CANARY })]))[0]!);

describe('the codec server', () => {
  const lines: string[] = [];
  const server = createCodecServer({
    codecs: new Map([['hospital', codec]]),
    origins: [UI],
    token: TOKEN,
    log: (line) => void lines.push(line),
  });
  let address: string;
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  const good = {
    'content-type': 'application/json',
    'x-namespace': 'hospital',
    authorization: `Bearer ${TOKEN}`,
    origin: UI,
  };
  const ask = (verb: string, body: unknown, headers: Record<string, string | undefined> = {}) =>
    fetch(`${address}/${verb}`, {
      method: 'POST',
      headers: Object.fromEntries(
        Object.entries({ ...good, ...headers }).filter((each): each is [string, string] => each[1] !== undefined),
      ),
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const payloads = async (response: Response) => ((await response.json()) as { payloads: (typeof plain)[] }).payloads;

  it('decodes and encodes in Temporal’s protocol, in order, as the UI asks it', async () => {
    const response = await ask('decode?preserveStorageRefs=true', { payloads: [await encrypted(), plain] });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('access-control-allow-origin'), UI);
    assert.equal(response.headers.get('access-control-allow-credentials'), 'true');
    assert.deepEqual(await payloads(response), [plain, plain]);

    const sealed = await payloads(await ask('encode', { payloads: [plain] }));
    assert.equal(Buffer.from(sealed[0]!.metadata['encoding']!, 'base64').toString(), 'binary/encrypted');
    assert.doesNotMatch(JSON.stringify(sealed), new RegExp(plain.data.slice(0, 12)));
    assert.deepEqual(await payloads(await ask('decode', { payloads: sealed })), [plain]);
    assert.deepEqual(await payloads(await ask('decode', { payloads: [] })), []);
  });

  it('lets in who shows the token, or signed in with it, and nobody else', async () => {
    const body = { payloads: [await encrypted()] };
    for (const authorization of [
      undefined,
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      'Bearer ',
      `Basic ${TOKEN}`,
      TOKEN,
    ])
      assert.equal((await ask('decode', body, { authorization })).status, 401, authorization);

    const page = await fetch(address);
    assert.match(await page.text(), /<form method="post" action="\/sign-in">/);
    const signIn = (token: string, origin?: string) =>
      fetch(`${address}/sign-in`, {
        method: 'POST',
        body: new URLSearchParams({ token }),
        headers: origin ? { origin } : {},
      });
    assert.equal((await signIn('wrong')).headers.get('set-cookie'), null);
    assert.equal((await signIn(TOKEN, 'https://elsewhere.example')).status, 403);
    const cookie = (await signIn(TOKEN)).headers.get('set-cookie') ?? '';
    assert.match(cookie, /^edge-train-codec=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
    assert.ok(!cookie.includes(TOKEN));
    const session = cookie.split(';', 1)[0]!;
    const asked = await ask('decode', body, { authorization: undefined, cookie: `other=1; ${session}` });
    assert.deepEqual(await payloads(asked), [plain]);
    assert.equal((await ask('decode', body, { authorization: undefined, cookie: `${session}x` })).status, 401);
    assert.equal(
      (await ask('decode', body, { authorization: undefined, cookie: `edge-train-codec=${TOKEN}` })).status,
      401,
    );
  });

  it('answers pages of the stated origins only', async () => {
    const preflight = (origin: string) =>
      fetch(`${address}/decode`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
    const own = await preflight(UI);
    assert.equal(own.status, 204);
    assert.deepEqual(
      ['origin', 'methods', 'headers', 'credentials'].map((name) => own.headers.get(`access-control-allow-${name}`)),
      [UI, 'POST', 'content-type, x-namespace, authorization, authorization-extras', 'true'],
    );
    for (const origin of ['http://127.0.0.1:8234', 'https://127.0.0.1:8233', `${UI}.evil.example`, 'null', '*']) {
      const other = await preflight(origin);
      assert.equal(other.status, 403, origin);
      assert.equal(other.headers.get('access-control-allow-origin'), null, origin);
      const asked = await ask('decode', { payloads: [await encrypted()] }, { origin });
      assert.equal(asked.status, 403, 'a cookie is of no use to it');
      assert.equal(await asked.text(), '');
    }
    assert.equal(
      (await ask('decode', { payloads: [] }, { origin: undefined })).status,
      200,
      'no page: the token says who',
    );
  });

  it('refuses other namespaces, types, methods, paths, bodies and too much', async () => {
    const body = { payloads: [await encrypted()] };
    for (const namespace of [undefined, 'default', 'hospital ', '__proto__'])
      assert.equal(
        (await ask('decode', body, { 'x-namespace': namespace })).status,
        namespace === 'hospital ' ? 200 : 403,
      );
    assert.equal((await ask('decode', body, { 'content-type': 'text/plain' })).status, 415);
    assert.equal((await fetch(`${address}/decode`, { headers: good })).status, 405);
    assert.equal((await ask('download', body)).status, 404);
    for (const wrong of [
      '',
      '{',
      '[]',
      '{"payloads":1}',
      '{"payloads":[{"data":"no base64!"}]}',
      '{"payloads":[null]}',
    ])
      assert.equal((await ask('decode', wrong)).status, 400, wrong);
    const large = await ask('decode', ' '.repeat(33 * 2 ** 20)).catch(() => ({ status: 413 }));
    assert.equal(large.status, 413);
  });

  it('says in its place what it cannot decrypt, and shows the rest', async () => {
    const foreign = { ...(await encrypted()) };
    foreign.metadata = { ...foreign.metadata, 'encryption-key-id': Buffer.from('gone').toString('base64') };
    const lenient = createCodecServer({
      codecs: new Map([['hospital', createPayloadCodec(keys, 'hospital', { lenient: true })]]),
      origins: [UI],
      token: TOKEN,
      log: () => {},
    });
    await new Promise<void>((resolve) => lenient.listen(0, '127.0.0.1', resolve));
    try {
      const response = await fetch(`http://127.0.0.1:${(lenient.address() as AddressInfo).port}/decode`, {
        method: 'POST',
        headers: good,
        body: JSON.stringify({ payloads: [foreign, await encrypted()] }),
      });
      const [refused, shown] = await payloads(response);
      assert.match(Buffer.from(refused!.data, 'base64').toString(), /refusedPayload.*needs the key .{2,4}gone/);
      assert.deepEqual(shown, plain);
    } finally {
      lenient.close();
      lenient.closeAllConnections();
    }
  });

  it('logs a line a request, and nothing of what was asked', async () => {
    lines.length = 0;
    await ask('decode', { payloads: [plain] });
    await ask(`${CANARY}/decode`, { payloads: [plain] }, { 'x-namespace': 'ERIKA' });
    assert.equal(lines.length, 2);
    assert.match(lines[0]!, /^\S+Z POST \/decode hospital 200 1 payloads \d+ ms$/);
    assert.match(lines[1]!, /^\S+Z POST elsewhere - 404 \d+ ms$/);
  });
});

describe('edge-train codec serve', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'edge-train-codec-'));
  after(() => rmSync(folder, { recursive: true }));
  const secret = (name: string, text: string) => {
    writeFileSync(path.join(folder, name), text, { mode: 0o600 });
    return `file:${path.join(folder, name)}`;
  };
  const file = {
    code: { container: 'https://127.0.0.1:9/code', sas: 'env:NONE' },
    codec: { keys: { one: secret('one', keys.keys.one) }, current: 'one' },
    codecServer: { listen: '127.0.0.1:0', origins: [UI], token: secret('token', TOKEN) },
  };
  const write = (content: object) => writeFileSync(path.join(folder, 'client.yml'), JSON.stringify(content));

  it('serves with the keys of client.yml, for the namespace of its profile, until it is stopped', async () => {
    write(file);
    writeFileSync(path.join(folder, 'temporal.toml'), '[profile.default]\nnamespace = "hospital"\n');
    const running = startCommand(['codec', 'serve', '--config', folder]);
    let said = '';
    running.child.stderr?.on('data', (text: string) => (said += text));
    const address = await until('it says where it is', () => /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0]);
    const headers = { 'content-type': 'application/json', 'x-namespace': 'hospital', authorization: `Bearer ${TOKEN}` };
    const body = JSON.stringify({ payloads: [await encrypted()] });
    const response = await fetch(`${address}/decode`, { method: 'POST', headers, body });
    assert.deepEqual(await response.json(), { payloads: [plain] });
    running.child.kill('SIGTERM');
    const { exitCode, stdout, stderr } = await running.ended;
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /POST \/decode hospital 200/);
    assert.ok(![TOKEN, keys.keys.one, 'Erika'].some((each) => (stdout + stderr).includes(each)));
  });

  it('refuses a configuration that would show payloads to others, before it listens', async () => {
    const serve = async (content: object) => {
      write(content);
      const { exitCode, stderr } = await command(['codec', 'serve', '--config', folder]);
      assert.equal(exitCode, 2, stderr);
      return stderr;
    };
    const { codec: _, ...keyless } = file;
    assert.match(await serve(keyless), /codec: is required for the codec server/);
    const { codecServer, ...serverless } = file;
    assert.match(await serve(serverless), /codecServer: is required for the codec server/);
    const short = { ...codecServer, token: secret('short', 'x'.repeat(31)) };
    assert.match(await serve({ ...file, codecServer: short }), /codecServer\.token: has 32 characters or more/);
    for (const listen of ['0.0.0.0:8234', '10.0.0.1:8234', '127.0.0.1.example:1'])
      assert.match(
        await serve({ ...file, codecServer: { ...codecServer, listen } }),
        /codecServer\.tls: .*is required/,
      );
    for (const origin of ['*', 'https://*.example', 'https://ui.example/path', 'null'])
      assert.match(await serve({ ...file, codecServer: { ...codecServer, origins: [origin] } }), /an origin is/);
  });

  it('takes another address with TLS', () => {
    const tls = { certificate: '/etc/ssl/codec.pem', key: 'file:/etc/ssl/codec.key' };
    assert.ok(parse(ClientFile, { ...file, codecServer: { ...file.codecServer, listen: '0.0.0.0:443', tls } }).ok);
  });
});
