import { Failure } from '../server/errors.ts';
import { json, type Call, type Reply } from '../server/front.ts';
import { parseScopes } from './access.ts';
import type { Registry } from './registry.ts';

const issuer = 'Azure Container Registry';
const refreshSeconds = 3 * 60 * 60;
const accessSeconds = 75 * 60;

/** The name that goes with a refresh token where a protocol wants a name and a password (`docker login`). */
const tokenUser = '00000000-0000-0000-0000-000000000000';

/** POST /oauth2/exchange: an Entra ID access token for a refresh token of this registry. */
export async function exchange(registry: Registry, call: Call): Promise<Reply> {
  const form = await readForm(call);
  if (!['access_token', 'access_token_refresh_token'].includes(form.get('grant_type') ?? ''))
    throw unsupported(form.get('grant_type'));
  checkService(registry, form.get('service'));
  await registry.checkEntraToken(form.get('access_token') ?? '');
  const refresh = await registry.key.sign(
    {
      iss: issuer,
      aud: registry.loginServer,
      sub: tokenUser,
      grant_type: 'refresh_token',
      permissions: { actions: ['read', 'write', 'delete'] },
    },
    refreshSeconds,
  );
  return json(200, { refresh_token: refresh });
}

/** POST /oauth2/token: a refresh token (or a password, as docker sends it) for an access token of some scopes. */
export async function postToken(registry: Registry, call: Call): Promise<Reply> {
  const form = await readForm(call);
  checkService(registry, form.get('service'));
  switch (form.get('grant_type')) {
    case 'refresh_token':
      await checkRefreshToken(registry, form.get('refresh_token') ?? '');
      break;
    case 'password':
      return passwordToken(registry, form.get('username') ?? '', form.get('password') ?? '', form.getAll('scope'));
    default:
      throw unsupported(form.get('grant_type'));
  }
  return accessToken(registry, form.getAll('scope'));
}

/** GET /oauth2/token with basic authentication, as `docker pull` asks. */
export async function getToken(registry: Registry, call: Call): Promise<Reply> {
  checkService(registry, call.query.get('service'));
  const basic = /^Basic (\S+)$/i.exec(call.headers.authorization ?? '')?.[1];
  if (!basic) throw unauthorized('authentication required');
  const [user, ...password] = Buffer.from(basic, 'base64').toString('utf8').split(':');
  return passwordToken(registry, user!, password.join(':'), call.query.getAll('scope'));
}

/** The registry grants its one principal whatever it names: pull, push, delete, metadata. */
async function accessToken(registry: Registry, scopes: string[], only?: string): Promise<Reply> {
  const access = parseScopes(scopes).map((each) => ({
    ...each,
    actions: each.actions.filter((action) => only === undefined || action === only),
  }));
  const claims = {
    iss: issuer,
    aud: registry.loginServer,
    sub: tokenUser,
    grant_type: 'access_token',
    access,
  };
  return json(200, { access_token: await registry.key.sign(claims, accessSeconds) }, { 'cache-control': 'no-store' });
}

/** `docker login` with a refresh token, or with a repository token, which pulls and does nothing else. */
async function passwordToken(registry: Registry, user: string, password: string, scopes: string[]): Promise<Reply> {
  const { pullToken } = registry;
  if (pullToken && user === pullToken.name && password === pullToken.password)
    return accessToken(registry, scopes, 'pull');
  await checkPassword(registry, user, password);
  return accessToken(registry, scopes);
}

async function checkPassword(registry: Registry, user: string, password: string): Promise<void> {
  if (user !== tokenUser) throw unauthorized('invalid username or password');
  await checkRefreshToken(registry, password);
}

async function checkRefreshToken(registry: Registry, token: string): Promise<void> {
  try {
    const claims = await registry.key.verify(token, { issuer, audience: [registry.loginServer] });
    if (claims.grant_type === 'refresh_token') return;
  } catch {
    // said below
  }
  throw unauthorized('the refresh token is invalid or has expired');
}

function checkService({ loginServer }: Registry, service: string | null): void {
  if (service !== loginServer)
    throw new Failure(400, 'INVALID_SERVICE', `The service '${service}' is not this registry, ${loginServer}.`);
}

async function readForm(call: Call): Promise<URLSearchParams> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(call.headers['content-type'] ?? '')) {
    throw new Failure(415, 'UNSUPPORTED_MEDIA_TYPE', 'The request body must be application/x-www-form-urlencoded.');
  }
  return new URLSearchParams((await call.read()).toString('utf8'));
}

function unauthorized(message: string): Failure {
  return new Failure(401, 'UNAUTHORIZED', message);
}

function unsupported(grant: string | null): Failure {
  return new Failure(400, 'UNSUPPORTED_GRANT_TYPE', `The grant_type '${grant}' is not supported.`);
}
