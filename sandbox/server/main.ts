import { parseArgs } from 'node:util';
import { createMachines } from '../machines/machines.ts';
import { createModelServers } from '../model-servers/containers.ts';
import { readConfig } from './config.ts';
import { startServer } from './server.ts';

/** `node sandbox/server/main.ts --state DIR`: the sandbox's HTTPS server, until SIGTERM. */
const { values } = parseArgs({ options: { state: { type: 'string' } } });
if (values.state === undefined) {
  process.stderr.write('usage: node sandbox/server/main.ts --state DIR\n');
  process.exit(2);
}
const config = readConfig(values.state);
const server = await startServer(values.state, config, createMachines(config.machines), createModelServers(config));
process.stdout.write('listening\n');
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void server.close().then(() => process.exit(0)));
}
