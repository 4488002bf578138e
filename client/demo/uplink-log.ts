import { bytesText, count } from '../../domain/amount-text.ts';
import { sentThroughUplink } from '../../services/uplink-log.ts';
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

/** What crossed the uplink since then, by destination, most first. An absent log says that nothing did. */
export async function leftBy(accessLog: string, since: number): Promise<Destination[]> {
  const all = await sentThroughUplink(accessLog, undefined, since).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return all
    .map(({ to, connections, refused, sent = 0, received }) => {
      return { target: to, tunnels: connections - refused, refused, sent, received };
    })
    .sort((a, b) => b.sent - a.sent);
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
