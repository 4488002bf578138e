import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Audit } from './audit.ts';
import type { FaultOrder, Faults } from './faults.ts';

/** What the admin port works on. */
export interface Controls {
  faults: Faults;
  audit: Audit;
  ready(): boolean;
}

/**
 * The admin port, plain HTTP on loopback:
 * GET /healthz → 200 {ready: true} or 503;
 * POST /faults (FaultOrder) → 201 {id}; GET /faults; POST /faults/{id}/release; DELETE /faults[/{id}];
 * GET /requests[?since=sequence&front=name] → AuditEntry[].
 */
export function adminServer(controls: Controls): Server {
  return createServer((request, response) => {
    void answer(controls, request).then(
      ({ status, body }) => send(response, status, body),
      (error: unknown) => send(response, 400, { error: (error as Error).message }),
    );
  });
}

interface Answer {
  status: number;
  body: unknown;
}

async function answer({ faults, audit, ready }: Controls, request: IncomingMessage): Promise<Answer> {
  // A page in a browser must not order faults: its requests carry another host or an origin.
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(host) || request.headers.origin !== undefined)
    return { status: 403, body: { error: 'loopback only' } };
  const url = new URL(request.url ?? '/', 'http://loopback');
  const [, room, id, verb] = url.pathname.split('/');
  switch (`${request.method} /${room}${id ? '/{id}' : ''}${verb ? `/${verb}` : ''}`) {
    case 'GET /healthz':
      return { status: ready() ? 200 : 503, body: { ready: ready() } };
    case 'GET /faults':
      return { status: 200, body: faults.list() };
    case 'POST /faults':
      return { status: 201, body: { id: faults.add(JSON.parse(await text(request)) as FaultOrder).id } };
    case 'POST /faults/{id}/release':
      return done(faults.release(id!), id!);
    case 'DELETE /faults':
      return done(faults.remove(), 'all');
    case 'DELETE /faults/{id}':
      return done(faults.remove(id), id!);
    case 'GET /requests':
      return {
        status: 200,
        body: audit.list(Number(url.searchParams.get('since') ?? 0), url.searchParams.get('front') ?? undefined),
      };
    default:
      return { status: 404, body: { error: `no ${request.method} ${url.pathname} here` } };
  }
}

function done(found: boolean, id: string): Answer {
  return found ? { status: 200, body: { id } } : { status: 404, body: { error: `no fault ${id}` } };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}
