import { request } from 'node:https';
import { connect, type ConnectionOptions } from 'node:tls';
import type { RoutedModel } from '../../domain/deployment.ts';

export interface Answer {
  readonly status: number;
  readonly challenge: string | undefined;
  readonly text: string;
}

/** Asks a model from another machine, as a user of it does: by its address, trusting its certificate alone. */
export function ask(
  { address = '', certificate }: RoutedModel,
  path: string,
  { key, body, ...more }: { key?: string; body?: string | Buffer } & ConnectionOptions = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const method = body === undefined ? 'GET' : 'POST';
    const asked = request(new URL(path, address), { method, headers, ca: certificate, agent: false, ...more });
    asked.setTimeout(30_000, () => asked.destroy(new Error('no answer within 30 s')));
    asked.once('error', reject);
    asked.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.once('error', reject);
      const challenge = response.headers['www-authenticate'];
      response.once('end', () => resolve({ status: response.statusCode ?? 0, challenge, text }));
    });
    asked.end(body);
  });
}

/** What comes back to these very bytes, until the front closes, in whatever manner. */
export function say({ address = '', certificate }: RoutedModel, bytes: string): Promise<string> {
  const { hostname: host, port } = new URL(address);
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ host, port: Number(port), ca: certificate }, () => socket.write(bytes));
    socket.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    socket.setTimeout(30_000, () => socket.destroy(new Error('not closed within 30 s')));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (!['ECONNRESET', 'EPIPE'].includes(error.code ?? '')) reject(error);
    });
    socket.once('close', () => resolve(text));
  });
}
