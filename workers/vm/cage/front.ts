/**
 * The front of a model that is asked from other machines: TLS, then a key, then the service's socket. Run by
 * edge-train-tls-front@.service on the VM's own Node, so it imports nothing but Node's.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';

const PAIR = '/etc/edge-train/front/pair.pem';
const POLICY = '/etc/edge-train/policy.json';
/** sd_listen_fds(3). */
const FIRST_PASSED = 3;
/** What requests that are under way have when the front is told to end. */
const PATIENCE_MS = 30_000;
/** How long a model may say nothing to who has a key. */
const MODEL_PATIENCE_MS = 600_000;
/** How long a stranger may say nothing, shake hands, or take for headers; and any body for its way here. */
const STRANGER_MS = 10_000;
const BODY_MS = 60_000;
/** What a stranger may send in vain, in bytes: who sends on would not read why it is refused. */
const MOST_IN_VAIN = 16 * 2 ** 20;
/** Requests under way at once: of those with a key, and of questions for the model's health. */
const MOST = { keyed: 512, health: 16 };
/** RFC 9110, 7.6.1: for this connection alone; and the key, which is for nobody behind this front. */
const NOT_PASSED_ON = /^(connection|keep-alive|proxy-.*|te|trailer|upgrade|expect|authorization)$/;

const [socketPath = ''] = process.argv.slice(2);
const underWay = { keyed: 0, health: 0 };
/** Connections that have asked without a key: that is answered once, and then they end. */
const strangers = new WeakSet<Socket>();
const keyOf = knownKeys();

const server = createServer(
  {
    ...readPair(),
    minVersion: 'TLSv1.2',
    handshakeTimeout: STRANGER_MS,
    headersTimeout: STRANGER_MS,
    requestTimeout: BODY_MS,
    connectionsCheckingInterval: 1000,
  },
  answer,
);
server.maxConnections = 1024;
server.timeout = STRANGER_MS;
const pairIsNew = changesOf(PAIR);
server.prependListener('connection', () => {
  if (pairIsNew()) server.setSecureContext(readPair());
});
server.listen({ fd: FIRST_PASSED });
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), PATIENCE_MS).unref();
});

function answer(asked: IncomingMessage, response: ServerResponse): void {
  const { socket, method, headers, url } = asked;
  const key = keyOf(headers.authorization);
  const tell = (more: object) => console.log(JSON.stringify({ from: socket.remoteAddress, method, ...more }));
  if (key !== undefined) {
    socket.setTimeout(0);
    response.once('close', () => tell({ key, status: response.statusCode, whole: response.writableFinished }));
    return counted('keyed', asked, response, () => passOn(asked, response));
  }
  if (strangers.has(socket)) return void socket.destroy();
  strangers.add(socket);
  afterBody(asked, () => {
    if (method === 'GET' && url === '/') return counted('health', asked, response, () => tellHealth(response));
    tell({ status: 401 });
    const headers = { 'www-authenticate': 'Bearer', connection: 'close' };
    refuse(response, 401, 'A key is needed: Authorization: Bearer KEY.', headers);
  });
}

function counted(kind: keyof typeof MOST, asked: IncomingMessage, response: ServerResponse, deed: () => void): void {
  if (underWay[kind] >= MOST[kind]) {
    asked.resume();
    return refuse(response, 503, 'Too many requests are under way.');
  }
  underWay[kind] += 1;
  response.once('close', () => (underWay[kind] -= 1));
  deed();
}

function afterBody(asked: IncomingMessage, then: () => void): void {
  let bytes = 0;
  asked.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > MOST_IN_VAIN) asked.socket.destroy();
  });
  asked.once('end', then);
}

/** Nothing of the stranger's reaches the model, and nothing of the model's the stranger: a load balancer has no key. */
function tellHealth(response: ServerResponse): void {
  const end = (status: number, text: string) => {
    if (response.headersSent) return;
    response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' });
    response.end(text);
  };
  const probe = request({ socketPath, path: '/', agent: false, timeout: STRANGER_MS / 2 }, (given) => {
    given.resume().once('error', () => {});
    end(given.statusCode === 200 ? 200 : 503, given.statusCode === 200 ? 'Healthy\n' : 'Not well\n');
  });
  probe.once('timeout', () => probe.destroy());
  probe.once('error', () => {});
  probe.once('close', () => end(503, 'Not well\n'));
  probe.end();
}

/** The link is followed anew by each request, so that those after a switch go to the new service. */
function passOn(asked: IncomingMessage, response: ServerResponse): void {
  const { method, url: path } = asked;
  const headers = passedOn(asked.headers);
  const passed = request({ socketPath, method, path, headers, agent: false, timeout: MODEL_PATIENCE_MS });
  passed.once('response', (given) => {
    const { statusCode: status = 0 } = given;
    if (status < 200 || status > 999) return void passed.destroy();
    response.writeHead(status, passedOn(given.headers));
    given.pipe(response);
    given.once('error', () => response.destroy());
  });
  passed.once('timeout', () => passed.destroy());
  passed.once('error', () => {}); // said below
  passed.once('close', () => {
    asked.unpipe(passed).resume(); // who still sends would not see the answer
    if (!response.headersSent) refuse(response, 502, 'The model’s server does not answer.');
  });
  response.once('close', () => passed.destroy());
  asked.pipe(passed);
}

function passedOn(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_PASSED_ON.test(name)));
}

function refuse(response: ServerResponse, status: number, message: string, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(`${JSON.stringify({ error: { message } })}\n`);
}

/** The name of the key that a header bears, whose SHA-256 root wrote in policy.json; read anew when the file changes. */
function knownKeys(): (header: string | undefined) => string | undefined {
  const policyIsNew = changesOf(POLICY);
  let keys = readKeys();
  return (header) => {
    if (policyIsNew()) keys = readKeys();
    const key = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
    if (key === undefined) return undefined;
    const given = createHash('sha256').update(key).digest();
    const fits = keys.map(([, digest]) => timingSafeEqual(digest, given));
    return keys[fits.indexOf(true)]?.[0];
  };
}

function readKeys(): [name: string, sha256: Buffer][] {
  const { services } = JSON.parse(readFileSync(POLICY, 'utf8')) as { services?: { keys?: Record<string, string> } };
  return Object.entries(services?.keys ?? {}).map(([name, digest]) => [name, Buffer.from(digest, 'hex')]);
}

function readPair(): { key: Buffer; cert: Buffer } {
  const pair = readFileSync(PAIR);
  return { key: pair, cert: pair };
}

/** Whether a file is another than when this was asked last; files are replaced whole. */
function changesOf(path: string): () => boolean {
  let seen = statSync(path).ino;
  return () => {
    const { ino } = statSync(path);
    const isNew = ino !== seen;
    seen = ino;
    return isNew;
  };
}
