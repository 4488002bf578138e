import { timingSafeEqual } from 'node:crypto';
import { Failure, notImplemented } from '../server/errors.ts';
import { json, type Call, type Reply } from '../server/front.ts';
import type { TokenKey } from '../server/tokens.ts';

const lifetimeSeconds = 3600;

export interface AdFs {
  origin: string;
  clientId: string;
  clientSecret: string;
  audience: string;
  key: TokenKey;
}

/** AD FS under /adfs of the Stack Hub's front: discovery, keys, and the client credentials grant. */
export async function adFs(service: AdFs, call: Call): Promise<Reply> {
  const base = `${service.origin}/adfs`;
  switch (`${call.method} ${call.path.toLowerCase()}`) {
    case 'GET /adfs/.well-known/openid-configuration':
      return json(200, {
        issuer: base,
        authorization_endpoint: `${base}/oauth2/authorize/`,
        token_endpoint: `${base}/oauth2/token/`,
        jwks_uri: `${base}/discovery/keys`,
        token_endpoint_auth_methods_supported: ['client_secret_post'],
        response_types_supported: ['code'],
        grant_types_supported: ['client_credentials'],
        subject_types_supported: ['pairwise'],
        id_token_signing_alg_values_supported: ['RS256'],
        end_session_endpoint: `${base}/oauth2/logout`,
      });
    case 'GET /adfs/discovery/keys':
      return json(200, service.key.jwks);
    case 'POST /adfs/oauth2/token':
    case 'POST /adfs/oauth2/token/':
      return grant(service, await readForm(call));
    default:
      throw notImplemented(`${call.method} ${call.path}`);
  }
}

async function grant(service: AdFs, form: URLSearchParams): Promise<Reply> {
  if (form.get('grant_type') !== 'client_credentials') {
    throw new Failure(
      400,
      'unsupported_grant_type',
      'MSIS9611: The authorization server does not support the requested grant_type.',
    );
  }
  if (form.get('client_id') !== service.clientId) {
    throw new Failure(
      400,
      'invalid_client',
      `MSIS9607: The 'client_id' parameter in the request is invalid. No registered client is found with this identifier.`,
    );
  }
  if (!sameSecret(form.get('client_secret'), service.clientSecret)) {
    throw new Failure(
      400,
      'invalid_client',
      'MSIS9622: Client authentication failed. Please verify the credential provided for client authentication is valid.',
    );
  }
  const resource = form.get('resource') ?? scopeResource(form.get('scope'));
  if (resource !== service.audience) {
    throw new Failure(
      400,
      'invalid_resource',
      `MSIS9602: The received 'resource' parameter is invalid. The authorization server can not find a registered resource with the specified identifier.`,
    );
  }
  const claims = {
    iss: `${service.origin}/adfs`,
    aud: service.audience,
    sub: service.clientId,
    appid: service.clientId,
    apptype: 'Confidential',
    ver: '1.0',
  };
  const token = await service.key.sign(claims, lifetimeSeconds);
  return json(
    200,
    { access_token: token, token_type: 'bearer', expires_in: lifetimeSeconds },
    { 'cache-control': 'no-store' },
  );
}

export function scopeResource(scope: string | null): string | undefined {
  const asked = scope?.split(' ').find((each) => each.endsWith('/.default'));
  return asked?.slice(0, -'/.default'.length);
}

/** @throws Failure 400 invalid_request */
export async function readForm(call: Call): Promise<URLSearchParams> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(call.headers['content-type'] ?? '')) {
    throw new Failure(
      400,
      'invalid_request',
      'AADSTS900144: The request body must be application/x-www-form-urlencoded.',
      {
        details: [{ code: '900144', message: '' }],
      },
    );
  }
  return new URLSearchParams((await call.read()).toString('utf8'));
}

export function sameSecret(given: string | null | undefined, secret: string): boolean {
  const [one, other] = [Buffer.from(given ?? ''), Buffer.from(secret)];
  return one.length === other.length && timingSafeEqual(one, other);
}
