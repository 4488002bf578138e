import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { CLOCK_TOLERANCE_MS } from '../domain/check.ts';
import type { TemporalCredential, TokenIssuer } from '../domain/temporal-credential.ts';
import { ServiceError } from './errors.ts';

export interface TokenRequest extends TokenIssuer {
  /** PEM, or a JWK. */
  readonly signingKey: string;
  readonly subject: string;
  readonly namespace: string;
  readonly minutes: number;
  readonly now: Date;
}

/**
 * A JWT for Temporal's default claim mapper and authorizer (`common/authorization` of go.temporal.io/server 1.32): ES256 or
 * RS256, `kid` in the head, `sub`, and in `permissions` `NAMESPACE:write`, the least with which a worker may poll: `worker`
 * alone opens nothing, `read` no poll, and only `admin` and the scope `temporal-system` open more.
 * `iat` is set back, since a server whose clock is behind refuses what was issued later. @throws ServiceError `KeyRefused`
 */
export async function mintToken(request: TokenRequest): Promise<TemporalCredential> {
  const { signingKey, keyId, subject, namespace, minutes, now, issuer, audience } = request;
  const key = readSigningKey(signingKey);
  const expires = new Date(now.getTime() + minutes * 60_000);
  const token = new SignJWT({ permissions: [`${namespace}:write`] })
    .setProtectedHeader({ alg: algorithmOf(key), typ: 'JWT', kid: keyId })
    .setSubject(subject)
    .setIssuedAt(new Date(now.getTime() - CLOCK_TOLERANCE_MS))
    .setExpirationTime(expires);
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return { token: await token.sign(key), issued: now.toISOString(), expires: expires.toISOString() };
}

/** The public halves as a JWK set (RFC 7517), which Temporal's key provider reads. @throws ServiceError `KeyRefused` */
export function publicKeySet(keys: readonly { readonly id: string; readonly key: string }[]): { keys: object[] } {
  const publicHalf = ({ id, key }: { id: string; key: string }) => {
    const privateKey = readSigningKey(key);
    const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
    return { ...jwk, kid: id, use: 'sig', alg: algorithmOf(privateKey) };
  };
  return { keys: keys.map(publicHalf) };
}

function readSigningKey(text: string): KeyObject {
  try {
    return text.trimStart().startsWith('{')
      ? createPrivateKey({ key: JSON.parse(text) as JsonWebKey, format: 'jwk' })
      : createPrivateKey(text);
  } catch {
    throw refused('is no private key, neither in PEM nor as a JWK');
  }
}

/** The two that Temporal's key provider knows. */
function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): 'ES256' | 'RS256' {
  if (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  if (asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048) return 'RS256';
  throw refused('is neither a P-256 key nor an RSA key of 2048 bits or more');
}

function refused(why: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'KeyRefused',
    cause: `The key that signs Temporal’s credentials ${why}.`,
    nextStep: 'Make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256',
    retryable: false,
  });
}
