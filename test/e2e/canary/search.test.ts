import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { generateSshKey } from '../../../client/sandbox/ssh-key.ts';
import { disguises } from './disguises.ts';
import { Needles, SHORTEST } from './needles.ts';
import { search } from './search.ts';
import { scalarOfPem, seedOfOpenSsh, text } from './secrets.ts';
import { shapesIn } from './shapes.ts';

const CANARY = `canary-${randomBytes(16).toString('hex')}`;
const needles = new Needles(text('canary', CANARY));
const names = (bytes: Buffer) => search(bytes, needles).map(({ name }) => name);

for (const [form, bytes] of disguises(CANARY)) {
  test(`finds ${form}, alone and in the middle of other bytes`, () => {
    assert.deepEqual(names(bytes), ['canary']);
    if (form.startsWith('raw deflate')) return; // a run of base64 has it from its beginning, or it is not known
    for (const around of [randomBytes(999), Buffer.from('words and more words '.repeat(9)), Buffer.from('abcde12')]) {
      assert.deepEqual(names(Buffer.concat([around, bytes, around])), ['canary'], around.toString('latin1'));
    }
  });
}

test('finds a needle at each place of a buffer, and none where one byte is other', () => {
  const bytes = randomBytes(400);
  for (let at = 0; at <= bytes.length - CANARY.length; at++) {
    const planted = Buffer.from(bytes);
    planted.write(CANARY, at);
    assert.equal(needles.find(planted).size, 1, `at ${at}`);
    planted[at + CANARY.length - 1]! ^= 1;
    assert.equal(needles.find(planted).size, 0, `at ${at}`);
  }
});

test('finds UTF-16 in both orders, and tells how a needle was packed', () => {
  assert.deepEqual(names(Buffer.from(`name: ${CANARY}`, 'utf16le')), ['canary']);
  assert.deepEqual(names(Buffer.from(`name: ${CANARY}`, 'utf16le').swap16()), ['canary']);
  const packed = Buffer.from(gzipSync(CANARY).toString('base64'));
  assert.deepEqual(search(packed, needles), [{ name: 'canary', way: 'gzip in base64' }]);
});

test('finds it in gzip that was cut off', () => {
  const whole = gzipSync(Buffer.concat([Buffer.from(CANARY), randomBytes(100_000)]));
  assert.deepEqual(names(whole.subarray(0, 50_000)), ['canary']);
});

test('finds a private key by its secret number, in every form in which keys are written', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const ssh = generateSshKey('someone').privateKey;
  const keys = new Needles([
    { name: 'pem', bytes: scalarOfPem(pem) },
    { name: 'ssh', bytes: seedOfOpenSsh(ssh) },
  ]);
  const der = privateKey.export({ format: 'der', type: 'sec1' });
  const jwk = privateKey.export({ format: 'jwk' });
  const forms: [string, 'pem' | 'ssh'][] = [
    [pem, 'pem'],
    [JSON.stringify({ key: pem }), 'pem'],
    [JSON.stringify({ nested: JSON.stringify({ key: pem }) }), 'pem'],
    [pem.replaceAll('\n', ''), 'pem'],
    [privateKey.export({ format: 'pem', type: 'sec1' }).toString(), 'pem'],
    [JSON.stringify(jwk), 'pem'],
    [der.toString('base64'), 'pem'],
    [der.toString('hex'), 'pem'],
    [Buffer.from(pem).toString('base64'), 'pem'],
    [ssh, 'ssh'],
    [JSON.stringify({ key: ssh }), 'ssh'],
    [Buffer.from(ssh).toString('base64'), 'ssh'],
  ];
  for (const [written, name] of forms)
    assert.deepEqual(
      search(Buffer.from(`key: ${written};`), keys).map((found) => found.name),
      [name],
      written,
    );
});

test('a public key, and all that is like a secret and is none, is not taken for it', () => {
  const { privateKey, publicKey } = generateSshKey('someone');
  const keys = new Needles([{ name: 'ssh', bytes: seedOfOpenSsh(privateKey) }, ...text('canary', CANARY)]);
  const { privateKey: other } = generateSshKey('someone');
  for (const [, bytes] of disguises(`${publicKey}\n${other}\n${CANARY.slice(0, -1)}`))
    assert.deepEqual(search(bytes, keys), []);
});

test('what is too short to be told from chance is refused as a needle', () => {
  assert.throws(() => new Needles(text('word', 'x'.repeat(SHORTEST - 1))), /word has 31 bytes/);
});

test('knows credentials by their shape, and not what the sandbox redacted', () => {
  const sas = 'https://host/account/container?sv=2019-07-07&sp=r&sig=';
  assert.deepEqual(shapesIn(Buffer.from(`${sas}${encodeURIComponent(randomBytes(32).toString('base64'))}`)), [
    'a SAS signature',
  ]);
  assert.deepEqual(shapesIn(Buffer.from(`${sas}REDACTED&timeout=120`)), []);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ aud: 'https://management' })}.${randomBytes(256).toString('base64url')}`;
  assert.deepEqual(shapesIn(Buffer.from(`authorization: Bearer ${token}`)), ['a bearer token']);
  const sealed = `${part({ alg: 'ECDH-ES', enc: 'A256GCM' })}..${randomBytes(12).toString('base64url')}.${randomBytes(99).toString('base64url')}.${randomBytes(16).toString('base64url')}`;
  assert.deepEqual(shapesIn(Buffer.from(sealed)), []);
  assert.deepEqual(shapesIn(Buffer.from(generateSshKey('someone').privateKey)), ['a private key']);
});
