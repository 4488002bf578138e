import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { sandboxProcesses } from './supervisor/processes.ts';

const names = [
  'stackHub',
  'azure',
  'registry',
  'release',
  'admin',
  'azurite',
  'dockerRegistry',
  'temporal',
  'temporalUi',
  'uplinkControl',
  'siteBlob',
  'uplink',
] as const;

/** `siteBlob` and `uplink` are on the bridge's gateway address, all others on loopback. */
export type Ports = Record<(typeof names)[number], number>;

/** Free ports below the range that the kernel gives to outgoing connections, so that they are free again after a restart. */
export async function choosePorts(): Promise<Ports> {
  const chosen = new Set<number>();
  while (chosen.size < names.length) {
    const port = randomInt(20_000, 32_000);
    if (!chosen.has(port) && (await isFree('0.0.0.0', port))) chosen.add(port);
  }
  const list = [...chosen];
  return Object.fromEntries(names.map((name, index) => [name, list[index]])) as Ports;
}

/**
 * Throws when a port of a sandbox that is not running is held by somebody else: endpoints are promised to stay, so another
 * one is not taken silently.
 */
export async function refuseTakenPorts(directory: string, ports: Ports, gateway: string): Promise<void> {
  if (sandboxProcesses(directory).length > 0) return;
  for (const name of names) {
    const address = name === 'siteBlob' || name === 'uplink' ? gateway : '127.0.0.1';
    if (await isFree(address, ports[name])) continue;
    throw new Error(
      `port ${ports[name]} on ${address}, which this sandbox (${directory}) uses for its ${name}, is taken by another program. ` +
        `End that (\`ss -ltnp 'sport = :${ports[name]}'\` names it), or take new ports with \`reset\``,
    );
  }
}

function isFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
