import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { squidLine, type AccessLog } from './access-log.ts';
import type { LineState } from './line.ts';
import type { UplinkProxy } from './proxy.ts';

/**
 * The operator's side of the uplink, on loopback:
 * `GET /uplink` the line, the allow-list and the open tunnels; `POST /uplink {cut?, delayMs?, bytesPerSecond?}` changes the
 * line; `GET /uplink/log` the newest entries (`?format=squid` as lines); `POST /uplink/allow {allow: [HOST:PORT]}` adds.
 * JSON only (a web page cannot send that here unasked).
 */
export function controlServer(proxy: UplinkProxy, log: AccessLog): Server {
  return createServer((request, response) => {
    answer(request, proxy, log).then(
      (body) => reply(response, 200, body),
      (error: Error) => reply(response, 400, { error: error.message }),
    );
  });
}

async function answer(request: IncomingMessage, proxy: UplinkProxy, log: AccessLog): Promise<unknown> {
  const url = new URL(request.url ?? '/', 'http://uplink');
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /uplink':
      return { ...proxy.line, allow: [...proxy.allow], tunnels: proxy.openTunnels };
    case 'POST /uplink':
      proxy.set(lineChange(await json(request)));
      return proxy.line;
    case 'GET /uplink/log':
      return url.searchParams.get('format') === 'squid' ? log.entries.map(squidLine).join('\n') : log.entries;
    case 'POST /uplink/allow':
      for (const target of targets(await json(request))) proxy.allow.add(target);
      return { allow: [...proxy.allow] };
    default:
      throw new Error(
        `${request.method} ${url.pathname} is not served; GET or POST /uplink, GET /uplink/log, POST /uplink/allow are`,
      );
  }
}

async function json(request: IncomingMessage): Promise<Record<string, unknown>> {
  if (!request.headers['content-type']?.startsWith('application/json'))
    throw new Error('send content-type: application/json');
  return JSON.parse(await text(request)) as Record<string, unknown>;
}

function lineChange(body: Record<string, unknown>): Partial<LineState> {
  for (const [key, value] of Object.entries(body)) {
    const valid =
      key === 'cut'
        ? typeof value === 'boolean' || value === 'silent'
        : (key === 'delayMs' || key === 'bytesPerSecond') &&
          typeof value === 'number' &&
          value >= 0 &&
          Number.isFinite(value);
    if (!valid) {
      throw new Error(
        `${key}: ${JSON.stringify(value)} is not cut: true|false|"silent", delayMs: >= 0 or bytesPerSecond: >= 0`,
      );
    }
  }
  return body;
}

function targets(body: Record<string, unknown>): string[] {
  const list = body.allow;
  if (!Array.isArray(list)) throw new Error('allow must be a list of HOST:PORT');
  return list.map((target) => checkTarget(String(target)));
}

/** HOST:PORT in lower case, or an error that says so. */
export function checkTarget(target: string): string {
  if (!/^(\[[0-9a-f:]+\]|[a-z0-9._-]+):\d{1,5}$/i.test(target)) throw new Error(`${target} is not HOST:PORT`);
  return target.toLowerCase();
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  const isText = typeof body === 'string';
  response.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json' });
  response.end(isText ? body : JSON.stringify(body));
}
