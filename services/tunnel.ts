import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * A loopback listener whose connections go through a CONNECT proxy, without Nagle's delay on either side. Temporal's core,
 * given a proxy, opens its socket without TCP_NODELAY, and every small request then waits 40 ms for a delayed ACK.
 *
 * @param uplink `http://HOST:PORT` of the proxy
 * @param target `HOST:PORT` behind it
 * @returns the address to connect to instead
 */
export async function openTunnel(uplink: string, target: string): Promise<{ address: string; close: () => void }> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => join(client, uplink, target));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, close: () => server.close() };
}

/** RFC 9110, 9.3.6: any 2xx opens the tunnel, and what follows the head belongs to the target. */
function join(client: Socket, uplink: string, target: string): void {
  const { hostname, port } = new URL(uplink);
  const proxy = connect({
    host: hostname,
    port: Number(port || 80),
    noDelay: true,
    keepAlive: true,
    allowHalfOpen: true,
  });
  const end = () => {
    client.destroy();
    proxy.destroy();
  };
  for (const socket of [client, proxy]) socket.on('error', end);
  // What was written to the other side is sent first.
  client.on('close', () => proxy.destroySoon());
  proxy.on('close', () => client.destroySoon());
  proxy.on('connect', () => proxy.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`));
  let head = Buffer.alloc(0);
  proxy.on('data', function onHead(chunk: Buffer) {
    head = Buffer.concat([head, chunk]);
    const length = head.indexOf('\r\n\r\n');
    if (length < 0) return void (head.length > 16_384 && end());
    proxy.off('data', onHead);
    if (!/^HTTP\/1\.[01] 2\d\d/.test(head.toString('latin1', 0, 16))) return end();
    const rest = head.subarray(length + 4);
    if (rest.length > 0) client.write(rest);
    proxy.pipe(client);
    client.pipe(proxy);
  });
}
