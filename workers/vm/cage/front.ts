/**
 * The front of a model that is asked from other machines: TLS, then a key, then the service's socket. Run by
 * edge-train-tls-front@.service on the VM's own Node, so it imports nothing but Node's.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';

const PAIR = '/etc/edge-train/front/pair.pem';
const POLICY = '/etc/edge-train/policy.json';
/** sd_listen_fds(3). */
const FIRST_PASSED = 3;
/** What a request that is under way has when the front is told to end. */
const PATIENCE_MS = 30_000;
/** How long a handshake, headers and a whole request may take, in milliseconds: a stranger holds a connection no longer. */
const PATIENCE_WITH_STRANGERS = { handshakeTimeout: 10_000, headersTimeout: 10_000, requestTimeout: 60_000 } as const;
/** RFC 9110, 7.6.1: for this connection alone; and the key, which is for nobody behind this front. */
const NOT_PASSED_ON = /^(connection|keep-alive|proxy-.*|te|trailer|upgrade|expect|authorization)$/;

const [socketPath = ''] = process.argv.slice(2);
const isKnown = knownKeys();
const pair = readFileSync(PAIR);
const server = createServer({ key: pair, cert: pair, minVersion: 'TLSv1.2', ...PATIENCE_WITH_STRANGERS }, answer);
server.maxConnections = 1024;
server.listen({ fd: FIRST_PASSED });
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), PATIENCE_MS).unref();
});

function answer(asked: IncomingMessage, response: ServerResponse): void {
  if (isHealthCheck(asked) || isKnown(asked.headers.authorization)) return passOn(asked, response);
  console.log(JSON.stringify({ refused: 401, from: asked.socket.remoteAddress, method: asked.method }));
  response.setHeader('www-authenticate', 'Bearer');
  asked.resume(); // who still sends would not see why
  refuse(response, 401, 'A key is needed: Authorization: Bearer KEY.');
}

/** It tells nothing of the model, and a load balancer has no key. */
const isHealthCheck = ({ method, url }: IncomingMessage): boolean =>
  (method === 'GET' || method === 'HEAD') && url === '/';

/** The link is followed anew by each request, so that those after a switch go to the new service. */
function passOn(asked: IncomingMessage, response: ServerResponse): void {
  const { method, url: path } = asked;
  const passed = request({ socketPath, method, path, headers: passedOn(asked.headers), agent: false });
  passed.once('response', (given) => {
    response.writeHead(given.statusCode ?? 502, passedOn(given.headers));
    given.pipe(response);
    given.once('error', () => response.destroy());
  });
  passed.once('error', () => {
    // One that answers before it has read all, and closes, has answered.
    if (!response.headersSent) refuse(response, 502, 'The model’s server does not answer.');
  });
  response.once('close', () => passed.destroy());
  asked.pipe(passed);
}

function passedOn(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_PASSED_ON.test(name)));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify({ error: { message } })}\n`);
}

/** Whether a header bears a key whose SHA-256 root wrote in policy.json; read anew when the file changes. */
function knownKeys(): (header: string | undefined) => boolean {
  let [seen, digests] = [-1, [] as Buffer[]];
  return (header) => {
    const { mtimeMs } = statSync(POLICY);
    if (mtimeMs !== seen) [seen, digests] = [mtimeMs, readDigests()];
    const key = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
    if (key === undefined) return false;
    const given = createHash('sha256').update(key).digest();
    return digests.map((digest) => timingSafeEqual(digest, given)).includes(true);
  };
}

function readDigests(): Buffer[] {
  const { services } = JSON.parse(readFileSync(POLICY, 'utf8')) as { services?: { keys?: Record<string, string> } };
  return Object.values(services?.keys ?? {}).map((digest) => Buffer.from(digest, 'hex'));
}
