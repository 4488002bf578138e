import { DefaultLogger, NativeConnection, Runtime, type Worker } from '@temporalio/worker';
import { ServiceError } from '../services/errors.ts';
import { createCloudWorker } from './cloud.ts';
import { readConfig, type Role, type WorkerConfig } from './config.ts';
import { refuseAnonymousServer, requireSearchAttributes } from './server-check.ts';
import { createSiteWorker } from './site.ts';
import { StartError } from './start-error.ts';

/**
 * `node workers/main.ts --role cloud,site --config FOLDER`: the workers of these roles in one process, until SIGINT or
 * SIGTERM. One JSON line on stdout says that they are ready. Exit codes: 0 stopped, 2 refused configuration,
 * 3 Temporal cannot be reached, 1 anything else.
 */
async function main(): Promise<void> {
  const config = readConfig(process.argv.slice(2));
  Runtime.install({ logger: new DefaultLogger('WARN'), shutdownSignals: ['SIGINT', 'SIGTERM'] });
  const connection = await connect(config);
  const workers = await Promise.all(config.roles.map((role) => CREATE[role](config, connection)));
  const running = workers.map((worker) => worker.run());
  tellReady(config);
  await untilStopped(workers, running);
  await connection.close();
}

const CREATE: Record<Role, (config: WorkerConfig, connection: NativeConnection) => Promise<Worker>> = {
  cloud: createCloudWorker,
  site: createSiteWorker,
};

async function connect({ temporal }: WorkerConfig): Promise<NativeConnection> {
  try {
    const connection = await NativeConnection.connect(temporal.options);
    await refuseAnonymousServer(temporal, connection);
    await requireSearchAttributes(temporal, connection);
    return connection;
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new Unreachable(`Temporal at ${temporal.options.address} cannot be reached: ${(error as Error).message}`);
  }
}

class Unreachable extends Error {}

function tellReady({ roles, temporal }: WorkerConfig): void {
  const { namespace, options } = temporal;
  process.stdout.write(
    `${JSON.stringify({ ready: true, roles, pid: process.pid, address: options.address, namespace })}\n`,
  );
}

/** One worker that ends takes the others with it: half a process would look alive. */
async function untilStopped(workers: readonly Worker[], running: readonly Promise<void>[]): Promise<void> {
  const stopAll = () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const ends = await Promise.allSettled(running.map((run) => run.finally(stopAll)));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
}

main().catch((error: unknown) => {
  process.stderr.write(`edge-train worker: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode =
    error instanceof StartError || error instanceof ServiceError ? 2 : error instanceof Unreachable ? 3 : 1;
  setTimeout(() => process.exit(), 1000).unref();
});
