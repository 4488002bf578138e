import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
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

/**
 * Free ports that no other start on this machine has chosen, and that are free again after a restart. They are held by this
 * process to its end: when it has started the programs that listen on them.
 */
export async function choosePorts(range = outsideOfOutgoing()): Promise<Ports> {
  const chosen = new Set<number>();
  while (chosen.size < names.length) {
    const port = randomInt(range.from, range.to);
    if ((await hold(port)) && (await isFree('0.0.0.0', port))) chosen.add(port);
  }
  const list = [...chosen];
  return Object.fromEntries(names.map((name, index) => [name, list[index]])) as Ports;
}

/** Below the range that the kernel gives to outgoing connections (`ip_local_port_range`), where it leaves any. */
function outsideOfOutgoing(): { from: number; to: number } {
  const lowest = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)[0]);
  const to = lowest > 4_000 ? lowest : 32_000;
  return { from: Math.max(2_000, to - 12_000), to };
}

/** By an abstract socket name: the kernel gives it back when the process ends, however it ends. */
function hold(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => settleTaken(error, resolve, reject));
    server.listen(`\0edge-train-sandbox-port-${port}`, () => resolve(true)).unref();
  });
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
    server.once('error', (error) => settleTaken(error, resolve, reject));
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function settleTaken(
  error: NodeJS.ErrnoException,
  resolve: (free: boolean) => void,
  reject: (error: Error) => void,
): void {
  if (error.code === 'EADDRINUSE') resolve(false);
  else reject(error);
}
