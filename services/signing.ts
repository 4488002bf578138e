import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { CompactEncrypt, compactDecrypt, importJWK } from 'jose';
import { MachinePrivateKey } from '../domain/machine-config.ts';
import { Envelope, PAYLOAD_TYPE, preAuthenticationHead } from '../domain/statement.ts';
import { MachineKey } from '../domain/virtual-machine.ts';
import { ServiceError } from './errors.ts';

/** SHA-256 as 64 hex digits; a text is hashed as UTF-8. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/**
 * One text for one value: keys in code-unit order, no spaces, members that are undefined left out (RFC 8785 for the
 * values that JSON has). @throws TypeError for what JSON cannot carry, since a digest of less than all is a lie.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  if (typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`;
  }
  throw new TypeError(`a ${typeof value} has no JSON`);
}

/** A fresh P-256 pair: PKCS#8 and SPKI, in PEM. */
export function generateSigningKey(): { privateKey: string; publicKey: string } {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
}

/** The SPKI PEM of a PKCS#8 PEM. */
export function publicKeyOf(privateKey: string): string {
  return createPublicKey(p256(createPrivateKey(privateKey)))
    .export({ type: 'spki', format: 'pem' })
    .toString();
}

/** SHA-256 of a P-256 key's public half (SPKI DER), from a private or a public PEM. @throws ServiceError `KeyRefused` */
export function signingKeyId(pem: string): string {
  try {
    return keyId(p256(createPublicKey(pem)));
  } catch (error) {
    throw error instanceof ServiceError ? error : keyRefused('The signing key is no key in PEM.');
  }
}

/** An in-toto statement in a DSSE envelope, ECDSA P-256 over SHA-256 in DER, as sigstore's verifiers read it. */
export function signStatement(statement: object, privateKey: string): Envelope {
  const key = p256(createPrivateKey(privateKey));
  const payload = Buffer.from(canonicalJson(statement));
  const signature = sign('sha256', preAuthentication(payload), key);
  return {
    payloadType: PAYLOAD_TYPE,
    payload: payload.toString('base64'),
    signatures: [{ keyid: keyId(createPublicKey(key)), sig: signature.toString('base64') }],
  };
}

/**
 * The statement inside, when one of the signatures is by this SPKI PEM key; the `keyid` is a hint and decides nothing.
 * @throws ServiceError `SignatureInvalid` (policy)
 */
export function verifyStatement(envelope: unknown, publicKey: string): unknown {
  const key = p256(createPublicKey(publicKey));
  const parsed = Envelope.safeParse(envelope);
  if (!parsed.success) throw signatureInvalid('it is no DSSE envelope');
  const payload = Buffer.from(parsed.data.payload, 'base64');
  if (payload.toString('base64') !== parsed.data.payload) throw signatureInvalid('its payload is not plain base64');
  const signed = preAuthentication(payload);
  const valid = parsed.data.signatures.some(({ sig }) => verify('sha256', signed, key, Buffer.from(sig, 'base64')));
  if (!valid) throw signatureInvalid('no signature on it is by the expected key');
  return JSON.parse(payload.toString('utf8'));
}

/** A VM's key pair for seals, as JWKs. */
export function generateMachineKey(): { privateKey: MachinePrivateKey; publicKey: MachineKey } {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    privateKey: MachinePrivateKey.parse(pair.privateKey.export({ format: 'jwk' })),
    publicKey: MachineKey.parse(pair.publicKey.export({ format: 'jwk' })),
  };
}

/** A compact JWE (ECDH-ES, A256GCM) of the value's JSON that only the holder of the private key can open. */
export async function seal(value: unknown, key: MachineKey): Promise<string> {
  const recipient = await importJWK({ ...MachineKey.parse(key) }, 'ECDH-ES');
  return new CompactEncrypt(Buffer.from(JSON.stringify(value)))
    .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' })
    .encrypt(recipient);
}

/** @throws ServiceError `SealBroken` (policy) for another's seal or a changed one. */
export async function openSeal(jwe: string, privateKey: MachinePrivateKey): Promise<unknown> {
  try {
    const key = await importJWK({ ...privateKey }, 'ECDH-ES');
    const { plaintext } = await compactDecrypt(jwe, key, {
      keyManagementAlgorithms: ['ECDH-ES'],
      contentEncryptionAlgorithms: ['A256GCM'],
    });
    return JSON.parse(Buffer.from(plaintext).toString('utf8'));
  } catch {
    throw new ServiceError({
      class: 'policy',
      type: 'SealBroken',
      cause: 'A grant does not open with this VM’s key: it was sealed to another VM or changed on its way.',
      nextStep: 'Start the run again; the grant is made anew for the VM that trains.',
      retryable: false,
    });
  }
}

function preAuthentication(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(preAuthenticationHead(payload.length)), payload]);
}

/** SHA-256 of the SPKI DER. */
function keyId(key: KeyObject): string {
  return sha256(key.export({ type: 'spki', format: 'der' }));
}

function p256(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  throw keyRefused('The signing key is no P-256 key.');
}

function keyRefused(cause: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'KeyRefused',
    cause,
    nextStep: 'Make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256',
    retryable: false,
  });
}

function signatureInvalid(why: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'SignatureInvalid',
    cause: `The document’s signature does not hold: ${why}.`,
    nextStep: 'Do not use what it speaks of. Check the public key in the configuration against the signer’s.',
    retryable: false,
  });
}
