import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { AccessLog } from './access-log.ts';
import { controlServer } from './control.ts';
import { UplinkProxy } from './proxy.ts';

/** `DIR/uplink.json`. A process of its own, so that the line holds whatever else of the sandbox dies. */
export interface UplinkConfig {
  /** Where the proxy listens: the bridge's gateway address. */
  address: string;
  port: number;
  /** On loopback. */
  controlPort: number;
  accessLog: string;
  allow: string[];
}

/** `node sandbox/uplink/main.ts UPLINK.JSON` */
async function main(file: string): Promise<void> {
  const config = JSON.parse(readFileSync(file, 'utf8')) as UplinkConfig;
  const log = new AccessLog(config.accessLog);
  const proxy = new UplinkProxy(config.allow, log);
  await listen(proxy.server, config.address, config.port);
  await listen(controlServer(proxy, log), '127.0.0.1', config.controlPort);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => resolve());
  });
}

await main(process.argv[2] ?? '');
