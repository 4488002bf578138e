import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request, type Server } from 'node:http';
import { createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AccessLog, squidLine } from '../../sandbox/uplink/access-log.ts';
import { checkTarget, controlServer } from '../../sandbox/uplink/control.ts';
import { UplinkProxy } from '../../sandbox/uplink/proxy.ts';
import { waitUntil } from '../../sandbox/wait-until.ts';

const folder = mkdtempSync(join(tmpdir(), 'edge-train-uplink-'));
const file = join(folder, 'access.log');
const log = new AccessLog(file);
const echo = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket));
let proxy: UplinkProxy;
let control: Server;
let target: string;

before(async () => {
  target = `127.0.0.1:${await listen(echo)}`;
  proxy = new UplinkProxy([target], log);
  control = controlServer(proxy, log);
  await listen(proxy.server);
  await listen(control);
});

after(async () => {
  proxy.set({ cut: true });
  for (const server of [proxy.server, control]) {
    server.closeAllConnections();
    server.close();
  }
  await waitUntil('the end of all tunnels', 5_000, () => proxy.openTunnels.length === 0);
  echo.close();
  rmSync(folder, { recursive: true });
});

test('an allowed tunnel carries bytes both ways, passes the end on, and is logged with both counts', async () => {
  const { socket, status } = await open(target);
  assert.equal(status, 200);
  socket.end(Buffer.alloc(100_000, 7));
  const received = await whole(socket);
  assert.equal(received.length, 100_000);
  assert.ok(received.every((byte) => byte === 7));
  const entry = await waitUntil('the log entry', 5_000, () =>
    log.entries.find(({ result }) => result === 'TCP_TUNNEL'),
  );
  assert.deepEqual([entry.bytesIn, entry.bytesOut, entry.target], [100_000, 100_000, target]);
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  assert.match(
    lines.at(-1) ?? '',
    new RegExp(
      `^\\d{10}\\.\\d{3} +\\d+ 127\\.0\\.0\\.1 TCP_TUNNEL/200 100000 CONNECT ${target} - HIER_DIRECT/127\\.0\\.0\\.1 - 100000$`,
    ),
  );
});

test('another target is refused, and the refusal is logged', async () => {
  const { status } = await open('127.0.0.1:1');
  assert.equal(status, 403);
  assert.match(squidLine(log.entries.at(-1)!), / TCP_DENIED\/403 0 CONNECT 127\.0\.0\.1:1 - HIER_NONE\/- - 0$/);
});

test('a host that is allowed on one port is not on another', async () => {
  assert.equal((await open(`127.0.0.1:${Number(target.split(':')[1]) - 1}`)).status, 403);
});

test('what is not CONNECT is refused', async () => {
  const answer = await fetch(`http://127.0.0.1:${port(proxy.server)}/`);
  assert.equal(answer.status, 405);
});

test('an allowed target where nothing listens is 503', async () => {
  const gone = createServer();
  const address = `127.0.0.1:${await listen(gone)}`;
  await new Promise((resolve) => gone.close(resolve));
  await post('/uplink/allow', { allow: [address] });
  assert.equal((await open(address)).status, 503);
});

test('cut: open tunnels break, new ones are refused; mended, they work', async () => {
  const { socket } = await open(target);
  const broken = new Promise((resolve) => socket.once('error', resolve));
  await post('/uplink', { cut: true });
  assert.equal(((await broken) as NodeJS.ErrnoException).code, 'ECONNRESET');
  assert.equal((await open(target)).status, 503);
  await post('/uplink', { cut: false });
  assert.equal((await open(target)).status, 200);
});

test('cut silently: nothing moves and nothing is answered; mended, both go on where they were', async () => {
  const { socket } = await open(target);
  await post('/uplink', { cut: 'silent' });
  const [answer, opened] = [whole(socket), open(target)];
  socket.end('held');
  const first = await Promise.race([answer, opened, after100ms()]);
  assert.equal(first, 'nothing');
  await post('/uplink', { cut: false });
  assert.equal((await answer).toString(), 'held');
  assert.equal((await opened).status, 200);
});

test('slow: delay and rate hold for each direction, order is kept', async () => {
  await post('/uplink', { delayMs: 100, bytesPerSecond: 100_000 });
  const { socket } = await open(target);
  const begun = Date.now();
  const sent = Buffer.from(Array.from({ length: 30_000 }, (_, index) => index % 251));
  socket.end(sent);
  assert.deepEqual(await whole(socket), sent);
  assert.ok(
    Date.now() - begun >= 500,
    `${Date.now() - begun} ms is less than the line takes: 2 x 100 ms, and 300 ms of sending`,
  );
  await post('/uplink', { delayMs: 0, bytesPerSecond: 0 });
});

test('the control port shows the line, and refuses what it does not know', async () => {
  const shown = (await (await fetch(`${controlUrl()}/uplink`)).json()) as { cut: boolean; allow: string[] };
  assert.equal(shown.cut, false);
  assert.ok(shown.allow.includes(target));
  for (const body of [{ cut: 'yes' }, { delayMs: -1 }, { speed: 3 }, { delayMs: '5' }]) {
    assert.equal((await post('/uplink', body, false)).status, 400, JSON.stringify(body));
  }
  const untyped = await fetch(`${controlUrl()}/uplink`, { method: 'POST', body: '{"cut":true}' });
  assert.equal(untyped.status, 400);
  assert.equal(proxy.line.cut, false);
});

test('targets are HOST:PORT', () => {
  assert.equal(checkTarget('Host.Example:443'), 'host.example:443');
  for (const wrong of ['host', 'host:', ':443', 'http://host:443', 'a b:1', 'host:443/path', 'host:123456']) {
    assert.throws(() => checkTarget(wrong), /is not HOST:PORT/, wrong);
  }
});

test('a target cannot write lines of its own into the log', () => {
  const entry = { ...log.entries[0]!, target: 'a:1\n1286536308.779 forged' };
  assert.ok(!squidLine(entry).includes('\n'));
});

function open(to: string): Promise<{ socket: Socket; status: number }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: port(proxy.server), method: 'CONNECT', path: to, agent: false });
    asked.once('connect', (answer, socket) => {
      socket.on('error', () => {}); // tests that are about errors listen too
      resolve({ socket: socket as Socket, status: answer.statusCode ?? 0 });
    });
    asked.once('error', reject).end();
  });
}

async function post(path: string, body: unknown, mustBeFine = true): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${controlUrl()}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (mustBeFine) assert.equal(answer.status, 200, await answer.clone().text());
  return answer;
}

async function whole(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Long beyond what the loopback takes: what has not moved by then is held. */
function after100ms(): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve('nothing'), 100));
}

function listen(server: TcpServer | Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(port(server))));
}

function port(server: TcpServer | Server): number {
  return (server.address() as AddressInfo).port;
}

function controlUrl(): string {
  return `http://127.0.0.1:${port(control)}`;
}
