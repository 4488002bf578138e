import { Failure, notImplemented } from '../server/errors.ts';
import { json, type Call, type Reply } from '../server/front.ts';
import type { TokenKey } from '../server/tokens.ts';
import { readForm, sameSecret, scopeResource } from '../stack-hub/ad-fs.ts';

export const managementAudience = 'https://management.azure.com';
export const machineLearningAudience = 'https://ml.azure.com';
export const registryAudience = 'https://containerregistry.azure.net';

const lifetimeSeconds = 3599;

export interface EntraId {
  origin: string;
  tenant: string;
  clientId: string;
  clientSecret: string;
  key: TokenKey;
}

export function isTokenPath(path: string): boolean {
  return /^\/[^/]+\/(v2\.0\/\.well-known\/openid-configuration|oauth2\/v2\.0\/token|discovery\/v2\.0\/keys)\/?$/i.test(
    path,
  );
}

/** Entra ID for one tenant: discovery, keys and the client credentials grant of v2.0. */
export async function entraId(service: EntraId, call: Call): Promise<Reply> {
  const [tenant, ...rest] = call.path.slice(1).replace(/\/$/, '').split('/');
  if (tenant!.toLowerCase() !== service.tenant.toLowerCase()) {
    throw failure(
      400,
      'invalid_tenant',
      '90002',
      `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
    );
  }
  const base = `${service.origin}/${service.tenant}`;
  switch (`${call.method} ${rest.join('/').toLowerCase()}`) {
    case 'GET v2.0/.well-known/openid-configuration':
      return json(200, {
        issuer: `${base}/v2.0`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        token_endpoint: `${base}/oauth2/v2.0/token`,
        jwks_uri: `${base}/discovery/v2.0/keys`,
        end_session_endpoint: `${base}/oauth2/v2.0/logout`,
        token_endpoint_auth_methods_supported: ['client_secret_post'],
        response_types_supported: ['code'],
        subject_types_supported: ['pairwise'],
        id_token_signing_alg_values_supported: ['RS256'],
        tenant_region_scope: null,
      });
    case 'GET discovery/v2.0/keys':
      return json(200, service.key.jwks);
    case 'POST oauth2/v2.0/token':
      return grant(service, await readForm(call));
    default:
      throw notImplemented(`${call.method} ${call.path}`);
  }
}

async function grant(service: EntraId, form: URLSearchParams): Promise<Reply> {
  const type = form.get('grant_type');
  if (type !== 'client_credentials')
    throw failure(400, 'unsupported_grant_type', '70003', `The app requested an unsupported grant type '${type}'.`);
  const client = form.get('client_id');
  if (client !== service.clientId) {
    throw failure(
      400,
      'unauthorized_client',
      '700016',
      `Application with identifier '${client}' was not found in the directory '${service.tenant}'.`,
    );
  }
  if (!sameSecret(form.get('client_secret'), service.clientSecret)) {
    throw failure(
      401,
      'invalid_client',
      '7000215',
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${client}'.`,
    );
  }
  const resource = scopeResource(form.get('scope'))?.replace(/\/$/, '');
  if (resource === undefined) {
    throw failure(
      400,
      'invalid_scope',
      '1002012',
      `The provided value for scope ${form.get('scope')} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
    );
  }
  if (![managementAudience, machineLearningAudience, registryAudience].includes(resource)) {
    throw failure(
      400,
      'invalid_resource',
      '500011',
      `The resource principal named ${resource} was not found in the tenant named ${service.tenant}.`,
    );
  }
  const claims = {
    iss: `${service.origin}/${service.tenant}/v2.0`,
    aud: resource,
    sub: service.clientId,
    oid: service.clientId,
    appid: service.clientId,
    tid: service.tenant,
    ver: '1.0',
  };
  const token = await service.key.sign(claims, lifetimeSeconds);
  return json(
    200,
    { token_type: 'Bearer', expires_in: lifetimeSeconds, ext_expires_in: lifetimeSeconds, access_token: token },
    { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' },
  );
}

function failure(status: number, code: string, number: string, message: string): Failure {
  return new Failure(status, code, `AADSTS${number}: ${message}`, { details: [{ code: number, message }] });
}
