import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { UplinkDestination } from '../domain/uplink-account.ts';

/**
 * What one client, or with undefined all of them, sent through the uplink since then (milliseconds since 1970), by destination, as its access log has it:
 * Squid's native format, where a line is written when its connection ends. A line of eleven fields ends with the bytes from
 * the client (`%>st`). Files that Squid (`.0`) or logrotate (`.1`) put aside meanwhile are read too. @throws where the log cannot be read
 */
export async function sentThroughUplink(
  log: string,
  client: string | undefined,
  since: number,
): Promise<UplinkDestination[]> {
  const all = new Map<string, Sums>();
  for (const file of [...(await rotated(log, since)), log])
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity }))
      add(all, line, client, since);
  return [...all]
    .map(([to, { connections, refused, sent, received }]) => ({
      ...{ to, connections, refused, received },
      ...(Number.isNaN(sent) ? {} : { sent }),
    }))
    .sort((a, b) => (a.to < b.to ? -1 : 1));
}

interface Sums {
  connections: number;
  refused: number;
  /** NaN once a line does not say. */
  sent: number;
  received: number;
}

/** Those that were written to since then. */
async function rotated(log: string, since: number): Promise<string[]> {
  const files = [`${log}.1`, `${log}.0`];
  const times = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ mtimeMs }) => mtimeMs,
        () => -1, // not there
      ),
    ),
  );
  return files.filter((_, i) => (times[i] ?? -1) >= since);
}

/** time elapsed remotehost code/status bytes method URL rfc931 peerstatus/peerhost type [bytes from the client] */
function add(all: Map<string, Sums>, line: string, client: string | undefined, since: number): void {
  const fields = line.trim().split(/\s+/);
  const [time, , from, code = '', bytes, , to, , , , out] = fields;
  if (to === undefined || (client !== undefined && from !== client) || !(Number(time) * 1000 >= since)) return;
  const sums = all.get(to) ?? { connections: 0, refused: 0, sent: 0, received: 0 };
  sums.connections += 1;
  sums.refused += /^TCP_TUNNEL\/2/.test(code) ? 0 : 1;
  sums.sent += out !== undefined && /^\d+$/.test(out) ? Number(out) : NaN;
  sums.received += bytes !== undefined && /^\d+$/.test(bytes) ? Number(bytes) : 0;
  all.set(to, sums);
}
