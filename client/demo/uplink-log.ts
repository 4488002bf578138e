import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { bytesText, count } from '../../domain/amount-text.ts';
import type { SandboxInfo } from '../sandbox/sandbox-info.ts';
import { printable } from '../show/text.ts';

export interface Destination {
  readonly target: string;
  readonly tunnels: number;
  readonly refused: number;
  /** From the site to there. */
  readonly sent: number;
  readonly received: number;
}

/** What crossed the uplink since then, by destination, from its access log: Squid's format with the bytes sent as last field. */
export async function leftBy(accessLog: string, since: number): Promise<Destination[]> {
  const all = new Map<string, Destination>();
  const lines = createInterface({ input: createReadStream(accessLog).on('error', () => undefined) });
  try {
    for await (const line of lines) add(all, line, since);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // nothing crossed
  }
  return [...all.values()].sort((a, b) => b.sent - a.sent);
}

function add(all: Map<string, Destination>, line: string, since: number): void {
  const [time, , , code = '', received, , target = ''] = line.trim().split(/\s+/);
  const sent = Number(line.trim().split(/\s+/).at(-1));
  if (time === undefined || Number(time) * 1000 < since || !Number.isFinite(sent)) return;
  const before = all.get(target) ?? { target, tunnels: 0, refused: 0, sent: 0, received: 0 };
  const opened = code.startsWith('TCP_TUNNEL');
  all.set(target, {
    target,
    tunnels: before.tunnels + (opened ? 1 : 0),
    refused: before.refused + (opened ? 0 : 1),
    sent: before.sent + sent,
    received: before.received + Number(received),
  });
}

/** What a person calls the places that the site's allow-list names. */
export function destinationNames(info: SandboxInfo): ReadonlyMap<string, string> {
  return new Map([
    ...(info.packageIndex?.hosts ?? []).map((host): [string, string] => [host, 'package index']),
    [new URL(info.release.blobEndpoint).host, 'release account'],
    [info.temporal.address, 'Temporal'],
  ]);
}

export function uplinkLines(destinations: readonly Destination[], names: ReadonlyMap<string, string>): string[] {
  if (destinations.length === 0) return ['Nothing crossed the site’s uplink.'];
  const named = destinations.map((destination) => {
    const name = names.get(destination.target);
    return { ...destination, place: printable(destination.target) + (name === undefined ? '' : ` (${name})`) };
  });
  const width = Math.max(...named.map(({ place }) => place.length));
  return [
    'What crossed the site’s uplink, by its own log:',
    ...named.map(({ place, tunnels, refused, sent, received }) => {
      const ways = [count(tunnels, 'tunnel'), ...(refused > 0 ? [`${refused} refused`] : [])].join(', ');
      return `  ${place.padEnd(width)}  out ${bytesText(sent).padStart(8)}  in ${bytesText(received).padStart(8)}  ${ways}`;
    }),
  ];
}
