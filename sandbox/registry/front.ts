import { Failure } from '../server/errors.ts';
import type { Call, Front, Reply } from '../server/front.ts';
import { requireAccess } from './access.ts';
import { acr } from './acr.ts';
import { distribution } from './distribution.ts';
import type { Registry } from './registry.ts';
import { exchange, getToken, postToken } from './tokens.ts';

/** Azure Container Registry: tokens, /acr/v1 and /v2 in front of a real registry. */
export function registryFront(registry: Registry): Front {
  return {
    name: 'registry',
    dialect: () => 'registry',
    handle: (call) => dispatch(registry, call),
    headers: (call) => ({
      'docker-distribution-api-version': 'registry/2.0',
      'x-ms-correlation-request-id': call.requestId,
      'x-content-type-options': 'nosniff',
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
    }),
  };
}

async function dispatch(registry: Registry, call: Call): Promise<Reply> {
  const path = decodePath(call.path);
  switch (`${call.method} ${path}`) {
    case 'POST /oauth2/exchange':
      return exchange(registry, call);
    case 'POST /oauth2/token':
      return postToken(registry, call);
    case 'GET /oauth2/token':
      return getToken(registry, call);
    case 'GET /v2/':
    case 'GET /v2':
      await requireAccess(registry, call, []);
      return { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' };
  }
  const reply = path.startsWith('/acr/v1/')
    ? await acr(registry, call, path.slice('/acr/v1/'.length))
    : path.startsWith('/v2/')
      ? await distribution(registry, call, path.slice('/v2/'.length))
      : undefined;
  if (reply) return reply;
  throw new Failure(
    501,
    'UNSUPPORTED',
    `The sandbox does not emulate ${call.method} ${call.path}. sandbox/README.md lists what it serves.`,
  );
}

/** Clients of /acr/v1 send `a%2Fb` for a repository's name. */
function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new Failure(400, 'NAME_INVALID', `The path ${path} holds a malformed escape.`);
  }
}
