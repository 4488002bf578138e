import { request } from 'node:https';
import type { Socket } from 'node:net';
import { connect, getCACertificates } from 'node:tls';
import { toServiceError } from './errors.ts';

const TIMEOUT_MS = 10_000;

/** HOST:PORT of an index's URL. */
export function indexTarget(index: string): string {
  const { hostname, port } = new URL(index);
  return `${hostname}:${port || 443}`;
}

/**
 * Asks a simple index (PEP 503) for the page of `pip`, which every index of Python packages has, over a socket that leads to
 * it; the page itself is not read. @throws ServiceError
 */
export async function askPackageIndex(index: string, socket: Socket, ca: string | undefined): Promise<void> {
  const url = new URL(`${index.replace(/\/+$/, '')}/pip/`);
  const doing = `asking the package index ${url.origin}`;
  // As a VM does it: the system's authorities, and the site's own.
  const trusted = [...getCACertificates('default'), ...getCACertificates('system'), ...(ca === undefined ? [] : [ca])];
  const tls = { socket, servername: url.hostname, ca: trusted };
  try {
    const status = await new Promise<number>((resolve, reject) => {
      const asked = request(url, { createConnection: () => connect(tls), timeout: TIMEOUT_MS });
      asked.once('timeout', () => asked.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
      asked.once('error', reject);
      asked.once('response', ({ statusCode = 0 }) => {
        resolve(statusCode);
        asked.destroy();
      });
      asked.end();
    });
    if (status >= 400) throw Object.assign(new Error(`${url.pathname} is not there for us`), { statusCode: status });
  } catch (error) {
    throw toServiceError(error, doing);
  } finally {
    socket.destroy();
  }
}
