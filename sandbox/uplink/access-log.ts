import { LogFile } from '../supervisor/log-file.ts';

/** One tunnel, or one refusal. */
export interface AccessEntry {
  /** When it ended, in milliseconds since 1970. */
  time: number;
  elapsedMs: number;
  client: string;
  /** Squid's result code: TCP_TUNNEL, TCP_DENIED, TCP_MISS (could not be opened), NONE (not a CONNECT). */
  result: string;
  status: number;
  /** To the client. */
  bytesIn: number;
  /** From the client. */
  bytesOut: number;
  method: string;
  target: string;
  peer: string;
}

/**
 * Squid's native format (https://wiki.squid-cache.org/Features/LogFormat: time elapsed remotehost code/status bytes method
 * URL rfc931 peerstatus/peerhost type) and one field more, the bytes from the client (`%>st` in a logformat line), so
 * that both directions are told.
 */
export function squidLine(entry: AccessEntry): string {
  const seconds = Math.floor(entry.time / 1000);
  const fraction = String(entry.time % 1000).padStart(3, '0');
  const hierarchy = entry.result === 'TCP_TUNNEL' ? `HIER_DIRECT/${entry.peer}` : 'HIER_NONE/-';
  const code = `${entry.result}/${String(entry.status).padStart(3, '0')}`;
  const elapsed = String(entry.elapsedMs).padStart(6);
  return (
    `${seconds}.${fraction} ${elapsed} ${entry.client} ${code} ${entry.bytesIn} ${entry.method} ${safe(entry.target)} - ` +
    `${hierarchy} - ${entry.bytesOut}`
  );
}

/** Writes the file, and keeps the newest entries for `GET /uplink/log`. */
export class AccessLog {
  readonly entries: AccessEntry[] = [];
  private readonly file: LogFile;

  constructor(file: string) {
    this.file = new LogFile(file, 64 * 1024 * 1024);
  }

  add(entry: AccessEntry): void {
    this.file.append(`${squidLine(entry)}\n`);
    this.entries.push(entry);
    if (this.entries.length > 10_000) this.entries.shift();
  }
}

/** The target comes from the client: no spaces or line breaks of its making stand in the log. */
function safe(text: string): string {
  return encodeURI(text.slice(0, 300)) || '-';
}
