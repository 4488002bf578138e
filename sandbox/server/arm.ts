import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { Failure, notImplemented } from './errors.ts';
import type { Call, Reply } from './front.ts';
import { Router, type Routed } from './router.ts';
import { parseBody, type SchemaDialect } from './schema.ts';

/** One operation of Azure Resource Manager. */
export interface ArmRoute extends Routed {
  /** Accepted api-versions. */
  versions: readonly string[];
  /** Query parameters beside api-version. */
  query?: readonly string[];
  body?: { schema: z.ZodType; dialect: SchemaDialect };
  /** Served without a token. */
  anonymous?: true;
  handle(call: ArmCall): Reply | Promise<Reply>;
}

export interface ArmCall extends Call {
  params: Record<string, string>;
  /** As the route's schema parsed it; cast it to the schema's type. */
  body: unknown;
}

export interface ArmService {
  routes: ArmRoute[];
  subscription: string;
  location: string;
  /** @throws Failure 401 */
  checkToken(authorization: string | undefined): Promise<void>;
}

/** Typed route: the handler's `body` has the schema's type. */
export function withBody<T>(
  schema: z.ZodType<T>,
  dialect: SchemaDialect,
  handle: (call: ArmCall & { body: T }) => Reply | Promise<Reply>,
): Pick<ArmRoute, 'body' | 'handle'> {
  return { body: { schema, dialect }, handle: (call) => handle(call as ArmCall & { body: T }) };
}

/** ARM in front of the providers: token, route, api-version, query, subscription and body are checked in this order. */
export function armHandler(service: ArmService): (call: Call) => Promise<Reply> {
  const router = new Router(service.routes);
  return async (call) => {
    const match = find(router, call);
    if (!match?.route.anonymous) await service.checkToken(call.headers.authorization);
    if (!match) throw notImplemented(`${call.method} ${call.path}`);
    const { route, params } = match;
    checkVersion(call, route, service.location);
    checkQuery(call, route);
    checkSubscription(params, service.subscription);
    const bytes = await call.read();
    const body = route.body
      ? parseBody(route.body.schema, bytes, call.headers['content-type'] ?? '', route.body.dialect)
      : undefined;
    return route.handle({ ...call, params, body });
  };
}

function find(router: Router<ArmRoute>, call: Call) {
  try {
    return router.match(call.method, call.path);
  } catch {
    throw new Failure(400, 'InvalidRequestUri', `The request URI '${call.path}' holds a malformed escape.`);
  }
}

function checkVersion(call: Call, route: ArmRoute, location: string): void {
  const version = call.query.get('api-version');
  if (!version) {
    throw new Failure(
      400,
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
    );
  }
  if (route.versions.includes(version)) return;
  const provider = /\/providers\/([^/]+)\/(?:locations\/\{[^}]+\}\/)?([^/]+)/i.exec(route.path);
  const supported = route.versions.map((each) => `'${each}'`).join(', ');
  if (!provider) {
    throw new Failure(
      400,
      'InvalidApiVersionParameter',
      `The api-version '${version}' is invalid. The supported versions are ${supported}.`,
    );
  }
  throw new Failure(
    400,
    'NoRegisteredProviderFound',
    `No registered resource provider found for location '${location}' and API version '${version}' for type '${provider[2]}'. ` +
      `The supported api-versions are ${supported}. The supported locations are '${location}'.`,
  );
}

/** A parameter that the sandbox would ignore could make a wrong answer look right. */
function checkQuery(call: Call, route: ArmRoute): void {
  const known = ['api-version', ...(route.query ?? [])].map((name) => name.toLowerCase());
  const stranger = [...call.query.keys()].find((name) => !known.includes(name.toLowerCase()));
  if (stranger !== undefined) throw notImplemented(`the query parameter ${stranger} of ${call.method} ${call.path}`);
}

function checkSubscription(params: Record<string, string>, subscription: string): void {
  const { subscriptionId } = params;
  if (subscriptionId === undefined || subscriptionId.toLowerCase() === subscription.toLowerCase()) return;
  const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(subscriptionId);
  throw guid
    ? new Failure(404, 'SubscriptionNotFound', `The subscription '${subscriptionId}' could not be found.`)
    : new Failure(
        400,
        'InvalidSubscriptionId',
        `The provided subscription identifier '${subscriptionId}' is malformed or invalid.`,
      );
}

/** The headers that ARM adds to every answer. */
export function armHeaders(call: Call): Record<string, string> {
  const client = call.headers['x-ms-client-request-id'];
  const kind =
    call.method === 'GET' || call.method === 'HEAD' ? 'reads' : call.method === 'DELETE' ? 'deletes' : 'writes';
  return {
    'cache-control': 'no-cache',
    pragma: 'no-cache',
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'x-content-type-options': 'nosniff',
    'x-ms-request-id': call.requestId,
    'x-ms-correlation-request-id': String(call.headers['x-ms-correlation-request-id'] ?? randomUUID()),
    'x-ms-routing-request-id': `SANDBOX:${new Date().toISOString().replace(/[-:]/g, '').slice(0, 15)}Z:${call.requestId}`,
    [`x-ms-ratelimit-remaining-subscription-${kind}`]: '11999',
    ...(client === undefined ? {} : { 'x-ms-client-request-id': String(client) }),
  };
}
