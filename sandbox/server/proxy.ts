import { Agent, request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as secureRequest, type Agent as SecureAgent } from 'node:https';
import { pipeline } from 'node:stream';
import { Failure } from './errors.ts';
import type { Call, Reply } from './front.ts';

const agent = new Agent({ keepAlive: true, maxFreeSockets: 32 });
const hopByHop = [
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'proxy-authorization',
  'te',
  'trailer',
  'expect',
];

/**
 * Passes a request on to the program behind the front and its answer back, both as streams. A body that is cut on the
 * way in reaches the program cut. @throws Failure 502, or what broke the request's body
 */
export async function forward(
  call: Call,
  origin: string,
  target: string,
  headers: OutgoingHttpHeaders,
  secureAgent?: SecureAgent,
): Promise<Reply> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { method: call.method, headers: { ...headers } };
    const url = new URL(target, origin);
    const onward = secureAgent
      ? secureRequest(url, { ...options, agent: secureAgent })
      : request(url, { ...options, agent });
    let broken: Error | undefined;
    onward.once('response', resolve);
    onward.once('error', (error) => reject(broken ?? unreachable(error)));
    pipeline(call.stream, onward, (error) => {
      if (!error) return;
      broken = call.stream.errored ?? undefined;
      if (broken) reject(broken);
    });
  });
  if (call.method === 'HEAD') answer.resume();
  return { status: answer.statusCode!, headers: passed(answer.headers), body: answer };
}

/** The request's own headers, fit to be sent on. The length must be known to keep the body unchunked. */
export function passed<H extends OutgoingHttpHeaders>(headers: H): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.includes(name)));
}

function unreachable(error: Error): Failure {
  return new Failure(502, 'BadGateway', `The program behind this front cannot be reached: ${error.message}.`);
}
