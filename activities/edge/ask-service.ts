import * as http from 'node:http';
import * as https from 'node:https';
import { join } from 'node:path';
import { addressOf, type RoutedModel } from '../../domain/deployment.ts';
import type { EdgeDependencies } from './dependencies.ts';

/** A service's own socket, or where its front is asked: on loopback, or by TLS. */
export type ServicePlace =
  { readonly socketPath: string } | { readonly host: string; readonly port: number; readonly ca?: string | undefined };

export const serviceSocket = ({ home }: EdgeDependencies, service: string): ServicePlace => ({
  socketPath: join(home, 'services', service, 'socket', 'http.sock'),
});

/** Whom to trust is what the VM's root has said. */
export function frontOf(routed: RoutedModel): ServicePlace {
  const { hostname: host, port } = new URL(addressOf(routed));
  return { host, port: Number(port), ca: routed.certificate };
}

const PATIENCE_MS = 60_000;
const MOST = 16 * 2 ** 20;

/** One HTTP request: GET, or POST of JSON. @throws Error where nobody answers whole */
export async function askService(
  place: ServicePlace,
  path: string,
  { body, patienceMs = PATIENCE_MS, signal }: { body?: string; patienceMs?: number; signal?: AbortSignal } = {},
): Promise<{ status: number; text: string }> {
  const within = AbortSignal.any([AbortSignal.timeout(patienceMs), ...(signal ? [signal] : [])]);
  return await new Promise((resolve, reject) => {
    // Elsewhere the host is whom the certificate names.
    const host = 'socketPath' in place ? { host: 'localhost' } : {};
    const headers = { ...host, connection: 'close', ...(body === undefined ? {} : JSON_HEADERS) };
    const { request } = 'ca' in place && place.ca !== undefined ? https : http;
    const asked = request({ ...place, path, method: body === undefined ? 'GET' : 'POST', headers, signal: within });
    asked.once('error', reject);
    asked.once('response', (response) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
        if (bytes > MOST) asked.destroy(new Error(`an answer of more than ${MOST} bytes`));
        else pieces.push(piece);
      });
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString('utf8') }),
      );
    });
    asked.end(body);
  });
}

const JSON_HEADERS = { 'content-type': 'application/json' } as const;

/** Whether the image's server says that it is well (`GET /`, as Azure ML asks it). */
export async function isHealthy(place: ServicePlace): Promise<boolean> {
  return await askService(place, '/', { patienceMs: 5_000 }).then(
    ({ status }) => status === 200,
    () => false,
  );
}
