import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { PayloadCodec } from '../../services/payload-codec.ts';
import { createAccess, type Access } from './access.ts';
import { readPayloads, writePayloads } from './payloads.ts';
import { signInPage } from './sign-in-page.ts';

export interface CodecServerOptions {
  /** By namespace. */
  readonly codecs: ReadonlyMap<string, PayloadCodec>;
  readonly origins: readonly string[];
  readonly token: string;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** One line a request; nothing of a payload. */
  log(line: string): void;
}

interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Record<string, string>;
  readonly note?: string;
}

/** Temporal's payloads are at most 2 MiB each; the UI asks for a page of events at once. */
const MAX_BYTES = 32 * 2 ** 20;

/**
 * Temporal's codec server protocol: `POST /encode` and `/decode`, `{"payloads": […]}` in and out, with `X-Namespace`. Only pages
 * of the stated origins may ask, and only for who has signed in (`GET /`) or shows the token.
 */
export function createCodecServer(options: CodecServerOptions): Server {
  const access = createAccess(options.token, { secure: options.tls !== undefined });
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const begun = Date.now();
    void answer(request, options, access)
      .catch((): Answer => ({ status: 500 }))
      .then((given) => {
        options.log(line(request, given, Date.now() - begun, options));
        send(request, response, given, options.origins);
      });
  };
  const { tls } = options;
  const server = tls ? createHttpsServer({ ...tls, minVersion: 'TLSv1.2' }, handle) : createHttpServer(handle);
  server.requestTimeout = 30_000;
  return server;
}

async function answer(request: IncomingMessage, options: CodecServerOptions, access: Access): Promise<Answer> {
  const { origin } = request.headers;
  const path = pathOf(request);
  if (path === '/' && request.method === 'GET') return signInPage();
  if (path === '/sign-in' && request.method === 'POST') return signIn(request, access);
  if (path !== '/encode' && path !== '/decode') return { status: 404 };
  if (origin !== undefined && !options.origins.includes(origin)) return { status: 403, note: 'another origin' };
  if (request.method === 'OPTIONS') return preflight();
  if (request.method !== 'POST') return { status: 405, headers: { allow: 'POST, OPTIONS' } };
  if (!access.allows(request.headers)) return { status: 401, note: 'not signed in' };
  return code(request, options, path.slice(1) as 'encode' | 'decode');
}

async function code(
  request: IncomingMessage,
  { codecs }: CodecServerOptions,
  verb: keyof PayloadCodec,
): Promise<Answer> {
  const codec = codecs.get(namespaceOf(request));
  if (!codec) return { status: 403, note: 'another namespace' };
  // A form of another page can send no such type without asking first.
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return { status: 415 };
  const text = await bodyOf(request, MAX_BYTES);
  if (text === undefined) return { status: 413, headers: { connection: 'close' } };
  const payloads = readPayloads(text);
  if (!payloads) return { status: 400, note: 'no payloads' };
  const body = writePayloads(await codec[verb](payloads));
  return { status: 200, body, headers: { 'content-type': 'application/json' }, note: `${payloads.length} payloads` };
}

async function signIn(request: IncomingMessage, access: Access): Promise<Answer> {
  const { origin, host } = request.headers;
  if (origin !== undefined && URL.canParse(origin) && new URL(origin).host !== host) return { status: 403 };
  const form = new URLSearchParams(await bodyOf(request, 10_000));
  const cookie = access.signIn(form.get('token') ?? '');
  return cookie === undefined ? signInPage('refused') : signInPage('done', { 'set-cookie': cookie });
}

const preflight = (): Answer => ({
  status: 204,
  headers: {
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': 'content-type, x-namespace, authorization, authorization-extras',
    'access-control-max-age': '600',
  },
});

/** Undefined where it is too much. */
async function bodyOf(request: IncomingMessage, limit: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if ((bytes += chunk.length) > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(
  { headers: { origin } }: IncomingMessage,
  response: ServerResponse,
  { status, body = '', headers = {} }: Answer,
  origins: readonly string[],
): void {
  const cors =
    origin !== undefined && origins.includes(origin)
      ? { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' }
      : {};
  response.writeHead(status, { 'cache-control': 'no-store', vary: 'origin', ...cors, ...headers });
  response.end(body);
}

/** Only names that are known here are repeated: the rest of a request is a stranger's. */
function line(
  request: IncomingMessage,
  { status, note }: Answer,
  milliseconds: number,
  { codecs }: CodecServerOptions,
) {
  const path = ['/', '/sign-in', '/encode', '/decode'].includes(pathOf(request)) ? pathOf(request) : 'elsewhere';
  const namespace = codecs.has(namespaceOf(request)) ? namespaceOf(request) : '-';
  const method = /^[A-Z]{1,8}$/.test(request.method ?? '') ? request.method : '?';
  return [
    new Date().toISOString(),
    method,
    path,
    namespace,
    status,
    ...(note ? [note] : []),
    `${milliseconds} ms`,
  ].join(' ');
}

/** The UI asks `/decode?preserveStorageRefs=true`. */
const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0] ?? '';
const namespaceOf = ({ headers }: IncomingMessage): string => String(headers['x-namespace'] ?? '');
