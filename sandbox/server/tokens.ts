import { createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  calculateJwkThumbprint,
  errors,
  exportJWK,
  importPKCS8,
  jwtVerify,
  SignJWT,
  type JWK,
  type JWTPayload,
} from 'jose';
import { Failure } from './errors.ts';

/** Signs and checks the tokens of one issuer. The key is kept, so tokens outlive a restart, as real ones do. */
export interface TokenKey {
  sign(claims: JWTPayload, seconds: number): Promise<string>;
  /** @throws jose's errors */
  verify(token: string, expected: { issuer: string; audience: string[] }): Promise<JWTPayload>;
  jwks: { keys: JWK[] };
}

export async function tokenKey(file: string): Promise<TokenKey> {
  if (!existsSync(file)) makeKey(file);
  const pem = readFileSync(file, 'utf8');
  const privateKey = await importPKCS8(pem, 'RS256');
  const publicKey = createPublicKey(pem);
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return {
    jwks: { keys: [{ ...jwk, kid, use: 'sig', alg: 'RS256' }] },
    sign: (claims, seconds) => {
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ jti: randomUUID(), ...claims })
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid })
        .setIssuedAt(now)
        .setNotBefore(now - 300)
        .setExpirationTime(now + seconds)
        .sign(privateKey);
    },
    verify: async (token, expected) =>
      (await jwtVerify(token, publicKey, { ...expected, algorithms: ['RS256'] })).payload,
  };
}

/** Checks `Authorization: Bearer` as ARM does. @throws Failure 401 with ARM's codes */
export async function checkBearer(
  key: TokenKey,
  authorization: string | undefined,
  expected: { issuer: string; audience: string[]; authority: string },
): Promise<void> {
  const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
  if (!token)
    throw refused('AuthenticationFailed', "Authentication failed. The 'Authorization' header is missing.", expected);
  try {
    await key.verify(token, expected);
  } catch (error) {
    if (error instanceof errors.JWTExpired) {
      throw refused(
        'ExpiredAuthenticationToken',
        `The access token expiry UTC time is earlier than current UTC time '${new Date().toISOString()}'.`,
        expected,
      );
    }
    if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'aud') {
      const allowed = expected.audience.map((each) => `'${each}'`).join(', ');
      throw refused(
        'InvalidAuthenticationTokenAudience',
        `The access token has been obtained for wrong audience or resource. It should exactly match one of the allowed audiences ${allowed}.`,
        expected,
      );
    }
    if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'iss') {
      throw refused(
        'InvalidAuthenticationTokenTenant',
        `The access token is from the wrong issuer. It must match the issuer '${expected.issuer}'.`,
        expected,
      );
    }
    throw refused('InvalidAuthenticationToken', 'The access token is invalid.', expected);
  }
}

function refused(code: string, message: string, { authority }: { authority: string }): Failure {
  const error = code === 'AuthenticationFailed' ? '' : `, error="invalid_token", error_description="${message}"`;
  return new Failure(401, code, message, {
    headers: { 'www-authenticate': `Bearer authorization_uri="${authority}"${error}` },
  });
}

function makeKey(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(`${file}.next`, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  renameSync(`${file}.next`, file);
}
