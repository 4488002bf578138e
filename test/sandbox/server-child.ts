import { readConfig } from '../../sandbox/server/config.ts';
import { startServer } from '../../sandbox/server/server.ts';
import { machinesDouble } from './machines-double.ts';
import { modelServersDouble } from './model-servers-double.ts';

/** The server as a process that a test can kill: `node server-child.ts DIR`, with machines that are doubles. */
const directory = process.argv[2]!;
await startServer(directory, readConfig(directory), machinesDouble(), modelServersDouble());
process.stdout.write('listening\n');
