import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { isFresh, newestCredential } from '../../domain/temporal-credential.ts';
import { generateSigningKey } from '../../services/signing.ts';
import { mintToken } from '../../services/temporal-token.ts';

const now = new Date('2026-11-29T10:00:00.500Z');
const pem = generateSigningKey();
const request = {
  ...{ signingKey: pem.privateKey, keyId: '2026-11', subject: 'demo-ds1-v2', namespace: 'hospital' },
  ...{ minutes: 60, now },
};

describe('a VM’s JWT', () => {
  it('says who, for which namespace and until when, and no more', async () => {
    const { token, issued, expires } = await mintToken(request);
    assert.deepEqual([issued, expires], ['2026-11-29T10:00:00.500Z', '2026-11-29T11:00:00.500Z']);
    assert.deepEqual(decodeProtectedHeader(token), { alg: 'ES256', typ: 'JWT', kid: '2026-11' });
    const { payload } = await jwtVerify(token, createPublicKey(pem.publicKey), { currentDate: now });
    assert.deepEqual(payload, {
      sub: 'demo-ds1-v2',
      permissions: ['hospital:write'],
      // A server whose clock is two minutes behind takes it.
      iat: Date.parse('2026-11-29T09:58:00Z') / 1000,
      exp: Date.parse('2026-11-29T11:00:00Z') / 1000,
    });
  });

  it('names issuer and audience where the site does', async () => {
    const { token } = await mintToken({ ...request, issuer: 'https://hospital.example', audience: 'temporal' });
    const { payload } = await jwtVerify(token, createPublicKey(pem.publicKey), { currentDate: now });
    assert.deepEqual([payload.iss, payload.aud], ['https://hospital.example', 'temporal']);
  });

  it('is signed by RSA, or by a key that is a JWK', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pkcs8 = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const { token } = await mintToken({ ...request, signingKey: pkcs8 });
    assert.equal(decodeProtectedHeader(token).alg, 'RS256');
    await jwtVerify(token, rsa.publicKey, { currentDate: now });
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = JSON.stringify(ec.privateKey.export({ format: 'jwk' }));
    await jwtVerify((await mintToken({ ...request, signingKey: jwk })).token, ec.publicKey, { currentDate: now });
  });

  const pkcs8 = { type: 'pkcs8', format: 'pem' } as const;
  for (const [what, signingKey, why] of [
    ['no key', 'secret-words', /is no private key/],
    ['a broken JWK', '{"kty":"EC"', /is no private key/],
    ['a public key', pem.publicKey, /is no private key/],
    ['another curve', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export(pkcs8), /neither a P-256/],
    [
      'a short RSA key',
      generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export(pkcs8),
      /neither a P-256/,
    ],
  ] as const)
    it(`refuses ${what}, and does not quote it`, async () => {
      await assert.rejects(mintToken({ ...request, signingKey: String(signingKey) }), (error: Error) => {
        assert.match(error.message, why);
        assert.ok(!error.message.includes(String(signingKey).slice(0, 12)));
        return (error as { type?: string }).type === 'KeyRefused';
      });
    });
});

describe('of several credentials', () => {
  const issuedAt = (issued: string, expires: string) => ({ token: issued, issued, expires });
  it('the one that was issued last counts, though another holds for longer', () => {
    const long = issuedAt('2026-01-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z');
    const last = issuedAt('2026-01-01T00:00:01.000Z', '2026-01-01T01:00:00.000Z');
    assert.equal(newestCredential([undefined, last, long, undefined]), last);
    assert.equal(newestCredential([long, last]), last);
    assert.equal(newestCredential([undefined]), undefined);
  });

  it('one of which half is left is kept on a VM that comes up', () => {
    const settings = { signingKey: 'env:A', keyId: 'a', minutes: 60 };
    assert.equal(isFresh('2026-11-29T10:30:00.500Z', settings, now), true);
    assert.equal(isFresh('2026-11-29T10:30:00.400Z', settings, now), false);
    assert.equal(isFresh('2026-11-29T09:00:00.000Z', settings, now), false);
  });
});
