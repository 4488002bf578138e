import { randomUUID } from 'node:crypto';
import type {
  IncomingHttpHeaders,
  IncomingMessage,
  OutgoingHttpHeaders,
  RequestListener,
  ServerResponse,
} from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Audit, Recording } from './audit.ts';
import { errorReply, Failure, internalFailure, type Dialect } from './errors.ts';
import type { Faults, Moment, Verdict } from './faults.ts';

/** One request on its way through a front. */
export interface Call {
  front: string;
  method: string;
  /** Raw, without the query. */
  path: string;
  /** Raw, path and query. */
  target: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  requestId: string;
  /** The request's body; recorded and cut by faults as it is read. */
  stream: Readable;
  /** The whole body. */
  read(): Promise<Buffer>;
}

export interface Reply {
  status: number;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer | Readable;
}

/** One listening service of the sandbox. `handle` may throw a Failure, which is answered in the path's dialect. */
export interface Front {
  name: string;
  dialect(path: string): Dialect;
  handle(call: Call): Promise<Reply>;
  /** Added to every answer. */
  headers(call: Call): OutgoingHttpHeaders;
}

/** The one way through which every request of every front goes: audit, faults at each moment, handler, answer. */
export function listener(front: Front, faults: Faults, audit: Audit): RequestListener {
  return (request, response) => {
    response.on('error', () => {}); // the client went away; `close` ends the record
    void serve(front, faults, audit, request, response);
  };
}

class Dropped extends Error {}

async function serve(
  front: Front,
  faults: Faults,
  audit: Audit,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { call, recording, meet } = open(front, faults, audit, request);
  let status: number | undefined;
  try {
    let reply = await answer(front, call, meet);
    // A refused request may carry a leak too, and what nobody has read by the answer's end Node throws away.
    if (!call.stream.readableDidRead) await drain(call.stream);
    if (call.stream.errored instanceof Dropped) throw call.stream.errored;
    reply = { ...reply, headers: { ...front.headers(call), ...reply.headers } };
    status = reply.status;
    await send(response, request.method === 'HEAD', reply, async () => {
      if (!hasBody(request)) obey(await meet('during'), 'cut');
      // On record before the client can have the whole answer: who counts calls then counts them all.
      if (!hasBody(request) || call.stream.readableEnded) recording.end(status);
    });
  } catch {
    status = undefined;
    request.socket.destroy();
  }
  // Of what was read in part, the rest.
  await drain(call.stream);
  recording.end(status);
}

/** The handler's answer, or the error that it, or a fault, stands for. Throws Dropped. */
async function answer(front: Front, call: Call, meet: (moment: Moment) => Promise<Verdict>): Promise<Reply> {
  try {
    obey(await meet('before'));
    const reply = await front.handle(call);
    obey(await meet('after'));
    return reply;
  } catch (error) {
    if (error instanceof Dropped) throw error;
    return errorReply(internalFailure(error), front.dialect(call.path), call.requestId);
  }
}

/** `cut`: the answer's head has left, so that nothing but the connection's end can be ordered. */
function obey(verdict: Verdict, moment?: 'cut'): void {
  if (verdict === 'go on') return;
  if (verdict === 'drop' || moment === 'cut') throw new Dropped();
  const message = verdict.message ?? `The sandbox was ordered to answer ${verdict.status}.`;
  throw new Failure(verdict.status, verdict.code, message, { headers: verdict.headers ?? {} });
}

interface Opened {
  call: Call;
  recording: Recording;
  meet(moment: Moment): Promise<Verdict>;
}

function open(front: Front, faults: Faults, audit: Audit, request: IncomingMessage): Opened {
  const [target, method] = [request.url ?? '/', request.method ?? 'GET'];
  const cut = target.indexOf('?');
  const path = cut < 0 ? target : target.slice(0, cut);
  const requestId = randomUUID();
  const contentType = request.headers['content-type'] ?? '';
  const recording = audit.open({ front: front.name, method, path: target, requestId, contentType });
  const meet = (moment: Moment) => faults.meet(moment, { front: front.name, method, path, target });
  const stream = Readable.from(
    tap(request, recording, async () => obey(await meet('during'))),
    { objectMode: false },
  );
  stream.on('error', () => {}); // whoever reads it sees the error
  const query = new URLSearchParams(cut < 0 ? '' : target.slice(cut + 1));
  const call: Call = {
    ...{ front: front.name, method, path, target, query, requestId, stream },
    headers: request.headers,
    read: () => buffer(stream),
  };
  return { call, recording, meet };
}

function hasBody(request: IncomingMessage): boolean {
  return Number(request.headers['content-length'] ?? 0) > 0 || request.headers['transfer-encoding'] !== undefined;
}

/** The body, recorded; with the moment `during` in its middle (chunked: after the first chunk). */
async function* tap(
  request: IncomingMessage,
  recording: Recording,
  during: () => Promise<void>,
): AsyncGenerator<Buffer> {
  if (!hasBody(request)) return;
  const half = Math.floor(Number(request.headers['content-length'] ?? 0) / 2);
  let [seen, met] = [0, false];
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    recording.body(chunk);
    seen += chunk.length;
    if (met || seen < half) {
      yield chunk;
      continue;
    }
    met = true;
    const kept = half === 0 ? chunk.length : chunk.length - (seen - half);
    if (kept > 0) yield chunk.subarray(0, kept);
    await during();
    if (kept < chunk.length) yield chunk.subarray(kept);
  }
}

/** Sends a reply; `halfway` is awaited when half of the body has left. */
async function send(
  response: ServerResponse,
  bodiless: boolean,
  reply: Reply,
  halfway: () => Promise<void>,
): Promise<void> {
  const { body } = reply;
  const headers = { ...reply.headers };
  if (typeof body === 'string' || Buffer.isBuffer(body)) headers['content-length'] = Buffer.byteLength(body);
  else if (body === undefined && !bodiless && reply.status !== 204 && reply.status !== 304)
    headers['content-length'] = 0;
  response.writeHead(reply.status, headers);
  const half = Math.floor(Number(headers['content-length'] ?? 0) / 2);
  let [sent, met] = [0, false];
  const pass = async () => {
    met = true;
    await halfway();
  };
  for await (const chunk of bodiless ? [] : chunks(body)) {
    if (!met && sent + chunk.length >= half) {
      const kept = Math.max(0, half - sent);
      await write(response, chunk.subarray(0, kept));
      await pass();
      await write(response, chunk.subarray(kept));
    } else await write(response, chunk);
    sent += chunk.length;
  }
  if (!met) await pass();
  await new Promise<void>((resolve) => response.once('close', resolve).end(resolve));
}

async function* chunks(body: Reply['body']): AsyncGenerator<Buffer> {
  if (body instanceof Readable) yield* body as AsyncIterable<Buffer>;
  else if (body !== undefined) yield Buffer.from(body);
}

async function write(response: ServerResponse, chunk: Buffer): Promise<void> {
  if (response.destroyed) throw new Dropped();
  if (chunk.length === 0 || response.write(chunk)) return;
  await new Promise<void>((resolve, reject) => {
    const settle = () => {
      response.off('drain', settle).off('close', settle);
      if (response.destroyed) reject(new Dropped());
      else resolve();
    };
    response.on('drain', settle).on('close', settle);
  });
}

async function drain(stream: Readable): Promise<void> {
  try {
    if (!stream.destroyed) for await (const _ of stream) void _;
  } catch {
    // cut by a fault or by the client; what arrived is recorded
  }
}

/** A reply with a JSON body. */
export function json(status: number, body: unknown, headers: OutgoingHttpHeaders = {}): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
  };
}
