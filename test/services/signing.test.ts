import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  canonicalJson,
  generateMachineKey,
  generateSigningKey,
  openSeal,
  publicKeyOf,
  seal,
  sha256,
  signStatement,
  verifyStatement,
} from '../../services/signing.ts';

describe('canonical JSON', () => {
  it('is one text for one value, whatever the order of its keys', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = canonicalJson(value);
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
        assert.equal(canonicalJson(reversed(value)), text);
      }),
    );
  });

  it('sorts by code units, drops undefined, keeps null', () => {
    assert.equal(canonicalJson({ b: 1, a: undefined, B: null, é: [false, 0.1] }), '{"B":null,"b":1,"é":[false,0.1]}');
  });

  for (const value of [NaN, Infinity, () => 1, 1n, Symbol('x'), [undefined]]) {
    it(`refuses ${String(Array.isArray(value) ? 'an array with a hole' : value)}`, () =>
      assert.throws(() => canonicalJson(value), TypeError));
  }

  it('hashes text as UTF-8', () => {
    assert.equal(sha256('é'), sha256(Buffer.from('é')));
    assert.equal(sha256(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  );
}

describe('signed statements', () => {
  const { privateKey, publicKey } = generateSigningKey();
  const statement = { _type: 'x', subject: [{ name: 'model.pkl' }], predicate: { umlaut: 'ä' } };
  const refused = { type: 'SignatureInvalid', class: 'policy', retryable: false };

  it('are DSSE: openssl’s own verification over the pre-authentication encoding holds', () => {
    const envelope = signStatement(statement, privateKey);
    const payload = Buffer.from(envelope.payload, 'base64');
    const encoded = Buffer.concat([Buffer.from(`DSSEv1 28 application/vnd.in-toto+json ${payload.length} `), payload]);
    assert.ok(
      verify('sha256', encoded, createPublicKey(publicKey), Buffer.from(envelope.signatures[0]!.sig, 'base64')),
    );
    assert.deepEqual(verifyStatement(envelope, publicKey), statement);
    assert.equal(publicKeyOf(privateKey), publicKey);
  });

  it('are refused when changed, by another key, or no envelope', () => {
    const envelope = signStatement(statement, privateKey);
    const other = Buffer.from(JSON.stringify({ ...statement, predicate: {} })).toString('base64');
    assert.throws(() => verifyStatement({ ...envelope, payload: other }, publicKey), refused);
    assert.throws(() => verifyStatement({ ...envelope, payload: `${envelope.payload}\n` }, publicKey), refused);
    assert.throws(() => verifyStatement(envelope, generateSigningKey().publicKey), refused);
    assert.throws(() => verifyStatement({ ...envelope, signatures: [] }, publicKey), refused);
    assert.throws(() => verifyStatement({ ...envelope, payloadType: 'text/plain' }, publicKey), refused);
    assert.throws(() => verifyStatement(null, publicKey), refused);
  });

  it('are made with P-256 only', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString();
    assert.throws(() => signStatement(statement, rsa), { type: 'KeyRefused' });
  });
});

describe('seals', () => {
  it('open with the VM’s key alone', async () => {
    const [mine, other] = [generateMachineKey(), generateMachineKey()];
    const jwe = await seal({ sas: 'sig=hidden' }, mine.publicKey);
    assert.doesNotMatch(Buffer.from(jwe, 'base64url').toString('latin1'), /hidden/);
    assert.deepEqual(await openSeal(jwe, mine.privateKey), { sas: 'sig=hidden' });
    const broken = { type: 'SealBroken', class: 'policy', retryable: false };
    await assert.rejects(openSeal(jwe, other.privateKey), broken);
    await assert.rejects(openSeal(`${jwe.slice(0, -4)}AAAA`, mine.privateKey), broken);
    await assert.rejects(openSeal('a.b.c.d.e', mine.privateKey), broken);
  });
});
