import { request } from 'node:http';
import type { Socket } from 'node:net';
import { ServiceError, toServiceError } from './errors.ts';

const TIMEOUT_MS = 10_000;

/**
 * A socket to `target` (HOST:PORT) through a CONNECT proxy (RFC 9110, 9.3.6), for who asks whether the way is open.
 * @throws ServiceError `UplinkDenied` (policy), `Unreachable`
 */
export async function connectThroughUplink(uplink: string, target: string): Promise<Socket> {
  const { hostname, port } = new URL(uplink);
  const doing = `asking the uplink ${uplink} for ${target}`;
  const { status, socket } = await new Promise<{ status: number; socket: Socket }>((resolve, reject) => {
    const asked = request({
      host: hostname,
      port: port || 80,
      method: 'CONNECT',
      path: target,
      headers: { host: target },
    });
    asked.setTimeout(TIMEOUT_MS, () =>
      asked.destroy(Object.assign(new Error('it does not answer'), { code: 'ETIMEDOUT' })),
    );
    asked.once('connect', ({ statusCode = 0 }, socket: Socket) => resolve({ status: statusCode, socket }));
    asked.once('response', ({ statusCode = 0, socket }) => resolve({ status: statusCode, socket }));
    asked.once('error', (error) => reject(toServiceError(error, doing)));
    asked.end();
  });
  socket.setTimeout(0);
  socket.on('error', () => socket.destroy());
  if (status >= 200 && status < 300) return socket;
  socket.destroy();
  if (status === 403) throw denied(uplink, target);
  throw toServiceError(Object.assign(new Error('it does not reach that'), { statusCode: status }), doing);
}

function denied(uplink: string, target: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'UplinkDenied',
    cause: `The uplink ${uplink} does not let VMs through to ${target}.`,
    nextStep: `Add ${target} to the uplink’s allow-list, or correct what names it in the configuration.`,
    retryable: false,
  });
}
