import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { openTunnel } from '../../services/tunnel.ts';
import { startProxy } from './site.ts';

async function listen(onConnection: (socket: Socket) => void): Promise<{ server: Server; address: string }> {
  const server = createServer({ allowHalfOpen: true }, onConnection);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function exchange(address: string, message: string): Promise<string> {
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  socket.on('error', () => {});
  socket.end(message);
  await once(socket, 'close');
  return answer;
}

test('what goes in comes out behind the proxy, both ways', async () => {
  const echo = await listen((socket) => void socket.on('error', () => {}).pipe(socket));
  const proxy = await startProxy('127.0.0.1', [echo.address]);
  const tunnel = await openTunnel(proxy.url, echo.address);
  try {
    const large = 'x'.repeat(300_000);
    const answers = await Promise.all([exchange(tunnel.address, 'hello'), exchange(tunnel.address, large)]);
    assert.deepEqual([answers[0], answers[1].length], ['hello', large.length]);
    assert.deepEqual(proxy.asked, [echo.address, echo.address]);
  } finally {
    tunnel.close();
    proxy.close();
    echo.server.close();
  }
});

test('what the target says first, in one packet with the proxy’s head, is not lost', async () => {
  const proxy = await listen((socket) => {
    socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 200 OK\r\nX: y\r\n\r\nfirst words'));
  });
  const tunnel = await openTunnel(`http://${proxy.address}`, 'temporal.test:7233');
  try {
    assert.equal(await exchange(tunnel.address, 'ignored'), 'first words');
  } finally {
    tunnel.close();
    proxy.server.close();
  }
});

test('a proxy that refuses, is away, or never ends its head ends the connection', async () => {
  const refusing = await startProxy('127.0.0.1', []);
  const endless = await listen((socket) => void socket.on('error', () => {}).write('x'.repeat(40_000)));
  for (const uplink of [refusing.url, `http://${endless.address}`, 'http://127.0.0.1:1']) {
    const tunnel = await openTunnel(uplink, 'temporal.test:7233');
    assert.equal(await exchange(tunnel.address, 'hello'), '', uplink);
    tunnel.close();
  }
  refusing.close();
  endless.server.close();
});
