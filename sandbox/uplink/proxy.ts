import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AccessEntry, AccessLog } from './access-log.ts';
import { Direction, type LineState } from './line.ts';

/** An HTTP CONNECT proxy (RFC 9110, 9.3.6) with an allow-list: the site's only way out. */
export class UplinkProxy {
  readonly line: LineState = { cut: false, delayMs: 0, bytesPerSecond: 0 };
  /** HOST:PORT, in lower case. */
  readonly allow: Set<string>;
  readonly server: Server;
  private readonly log: AccessLog;
  private readonly up = new Direction(this.line);
  private readonly down = new Direction(this.line);
  private readonly tunnels = new Set<Tunnel>();
  private readonly unanswered = new Set<() => void>();

  constructor(allow: string[], log: AccessLog) {
    this.allow = new Set(allow.map((target) => target.toLowerCase()));
    this.log = log;
    this.server = createServer((request, response) => {
      this.log.add(entry(request.socket, request, 'NONE', 405));
      response.writeHead(405, { allow: 'CONNECT', connection: 'close' }).end('only CONNECT is served here\n');
    });
    this.server.on('connect', (request, client, head) => this.open(request, client as Socket, head));
  }

  /** Tunnels that are open now. */
  get openTunnels(): { client: string; target: string; since: number; bytesIn: number; bytesOut: number }[] {
    return [...this.tunnels].map(({ entry: { client, target, time, bytesIn, bytesOut } }) => ({
      ...{ client, target, since: time, bytesIn, bytesOut },
    }));
  }

  /** Changes the line for tunnels that are open and for those to come. */
  set(change: Partial<LineState>): void {
    Object.assign(this.line, change);
    if (this.line.cut === true) for (const tunnel of this.tunnels) tunnel.end();
    this.up.wake();
    this.down.wake();
    if (this.line.cut !== 'silent') for (const answer of [...this.unanswered]) answer();
  }

  private open(request: IncomingMessage, client: Socket, head: Buffer): void {
    client.on('error', () => client.destroy());
    client.setNoDelay(true);
    const target = (request.url ?? '').toLowerCase();
    if (!this.allow.has(target)) return this.refuse(request, client, 'TCP_DENIED', 403);
    if (this.line.cut === 'silent') {
      const answer = () => {
        this.unanswered.delete(answer);
        if (!client.destroyed) this.open(request, client, head);
      };
      this.unanswered.add(answer);
      client.once('close', () => this.unanswered.delete(answer));
      return;
    }
    if (this.line.cut) return this.refuse(request, client, 'TCP_MISS', 503);
    this.tunnel(request, client, head, target);
  }

  private tunnel(request: IncomingMessage, client: Socket, head: Buffer, target: string): void {
    const colon = target.lastIndexOf(':');
    const host = target.slice(0, colon).replace(/^\[|\]$/g, '');
    const remote = connect({ host, port: Number(target.slice(colon + 1)), noDelay: true, allowHalfOpen: true });
    const begun = entry(client, request, 'TCP_TUNNEL', 200);
    const unreachable = () => this.refuse(request, client, 'TCP_MISS', 503);
    remote.once('error', unreachable);
    const gone = () => remote.destroy();
    client.once('close', gone);
    remote.once('connect', () => {
      remote.off('error', unreachable);
      client.off('close', gone);
      remote.on('error', () => remote.destroy());
      begun.peer = remote.remoteAddress ?? '-';
      const tunnel = { entry: begun, end: () => (client.resetAndDestroy(), remote.resetAndDestroy()) };
      this.tunnels.add(tunnel);
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (head.length > 0) client.unshift(head);
      join(
        client,
        this.up.pipe((bytes) => (begun.bytesOut += bytes)),
        remote,
      );
      join(
        remote,
        this.down.pipe((bytes) => (begun.bytesIn += bytes)),
        client,
      );
      let open = 2;
      const closed = () => {
        if (--open > 0) return;
        this.tunnels.delete(tunnel);
        this.log.add({ ...begun, time: Date.now(), elapsedMs: Date.now() - begun.time });
      };
      client.once('close', closed);
      remote.once('close', closed);
    });
  }

  private refuse(request: IncomingMessage, client: Duplex, result: string, status: number): void {
    if (client.destroyed) return;
    this.log.add(entry(client as Socket, request, result, status));
    const [reason, text] =
      status === 403
        ? ['Forbidden', `${request.url} is not on the site's allow-list`]
        : ['Service Unavailable', `${request.url} cannot be reached`];
    const body = `${text}\n`;
    client.end(
      `HTTP/1.1 ${status} ${reason}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
}

interface Tunnel {
  entry: AccessEntry;
  end: () => void;
}

/** An end of one side is passed on after the bytes that are under way; a side that breaks off takes the other with it. */
function join(from: Socket, line: Duplex, to: Socket): void {
  from.pipe(line).pipe(to);
  from.once('close', () => {
    if (!from.readableEnded) to.destroy();
  });
  to.once('close', () => {
    if (!to.writableFinished) from.destroy();
  });
}

function entry(client: Socket, request: IncomingMessage, result: string, status: number): AccessEntry {
  return {
    ...{ time: Date.now(), elapsedMs: 0, client: client.remoteAddress ?? '-', result, status, bytesIn: 0, bytesOut: 0 },
    ...{ method: request.method ?? '-', target: request.url ?? '-', peer: '-' },
  };
}
