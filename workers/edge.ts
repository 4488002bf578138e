import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createEdgeActivities } from '../activities/edge/index.ts';
import type { EdgeDependencies } from '../activities/edge/dependencies.ts';
import { carryVerdict } from '../activities/failure.ts';
import { MachineConfig } from '../domain/machine-config.ts';
import { createLauncher } from '../services/systemd.ts';
import { CredentialKeeper, readCredential } from './machine-credential.ts';
import { dataConverter } from './data-converter.ts';
import { OpenSteps } from './open-steps.ts';
import { openTunnel } from '../services/tunnel.ts';

/** Where `workers/vm/install.py` puts things; root owns all but `home`'s insides. */
const PLACES = {
  config: '/etc/edge-train/machine.json',
  policy: '/etc/edge-train/policy.json',
  current: '/opt/edge-train/current',
  bootId: '/run/edge-train/boot-id',
  home: '/var/lib/edge-train',
  installed: '/etc/edge-train/credential.json',
  renewed: '/var/lib/edge-train/credential/renewed.json',
} as const;
/** To systemd: do not start me again (RestartPreventExitStatus=). */
const RETIRED = 75;
const RETIRES_AFTER = 7 * 86_400_000;

/**
 * The worker on a VM: activities only, on the queue that bears the VM's name and this bundle's digest. It dials out through
 * the uplink, holds no Azure credential, and may be killed at any moment: jobs are units of their own.
 */
async function main(): Promise<void> {
  const folder = await realpath(dirname(process.argv[1] ?? ''));
  const config = MachineConfig.parse(JSON.parse(await readFile(PLACES.config, 'utf8')));
  const bundle = basename(folder);
  Runtime.install({ logger: new DefaultLogger('INFO'), shutdownSignals: ['SIGTERM', 'SIGINT'] });
  const { connection, credential } = await connect(config);
  const steps = new OpenSteps(join(PLACES.home, 'cache', 'steps', bundle));
  await steps.giveUp(connection, config.temporal.namespace);
  const worker = await Worker.create({
    connection,
    namespace: config.temporal.namespace,
    ...encryption(folder, config),
    taskQueue: queueOf(config, bundle),
    identity: `${config.machine}/${bundle.slice(0, 12)}`,
    activities: { ...createEdgeActivities(dependencies(folder, config, credential)) },
    interceptors: { activity: [carryVerdict, steps.watch] },
    maxConcurrentActivityTaskExecutions: 20,
    // A cancellation arrives with the answer to a heartbeat, so these must not be held back for long.
    maxHeartbeatThrottleInterval: '2 seconds',
    defaultHeartbeatThrottleInterval: '2 seconds',
    shutdownGraceTime: '1 second',
    shutdownForceTime: '10 seconds',
  });
  const retirement = retireWhenReplaced(worker, folder);
  await worker.run();
  await connection.close();
  process.exit(retirement.due ? RETIRED : 0);
}

/** A worker whose bundle has been replaced, and which nobody has asked for anything in a week, ends for good. */
function retireWhenReplaced(worker: Worker, folder: string): { due: boolean } {
  const retirement = { due: false };
  let lastBusy = Date.now();
  const timer = setInterval(() => void check(), 10_000);
  const check = async () => {
    const current = await realpath(PLACES.current).catch(() => folder);
    if (current === folder || worker.getStatus().numInFlightActivities > 0) lastBusy = Date.now();
    if (Date.now() - lastBusy < RETIRES_AFTER) return;
    retirement.due = true;
    clearInterval(timer);
    worker.shutdown();
  };
  timer.unref();
  return retirement;
}

/** The failure converter is a file of its own in the bundle, because the SDK loads it by its path. */
const encryption = (folder: string, { codec, temporal }: MachineConfig) =>
  codec ? { dataConverter: dataConverter(codec, temporal.namespace, join(folder, 'failure-converter.cjs')) } : {};

/** An old bundle's worker keeps its own queue when the configuration already names the new one's. */
function queueOf(config: MachineConfig, bundle: string): string {
  const suffix = config.bundle.slice(0, 12);
  return config.queue.endsWith(suffix) ? config.queue.slice(0, -suffix.length) + bundle.slice(0, 12) : config.queue;
}

function dependencies(folder: string, config: MachineConfig, credential: CredentialKeeper): EdgeDependencies {
  return {
    launcher: createLauncher(),
    bundle: basename(folder),
    bootIdFile: PLACES.bootId,
    machineKey: config.privateKey,
    takeCredential: (next) => credential.take(next),
    home: PLACES.home,
    uv: join(folder, 'uv'),
    trackingLock: join(folder, 'tracking.txt'),
    uplink: config.uplink,
    packageIndex: config.packageIndex,
    policyFile: PLACES.policy,
    siteBlobEndpoints: config.siteBlobEndpoints,
    ...(config.caBundle === undefined ? {} : { ca: config.caBundle }),
  };
}

interface Connected {
  readonly connection: NativeConnection;
  readonly credential: CredentialKeeper;
}

/** Temporal's core reaches the server by the tunnel's own address, so TLS is told the server's name. */
async function connect({ temporal, uplink, caBundle }: MachineConfig): Promise<Connected> {
  const own = temporal.jwt && (await readCredential(PLACES));
  const apiKey = own?.token ?? temporal.apiKey;
  const { address } = await openTunnel(uplink, temporal.address);
  const serverName = temporal.address.replace(/:\d+$/, '');
  const connection = await NativeConnection.connect({
    address,
    ...(apiKey === undefined ? {} : { apiKey }),
    tls: temporal.tls
      ? {
          serverNameOverride: serverName,
          ...(caBundle === undefined ? {} : { serverRootCACertificate: Buffer.from(caBundle) }),
        }
      : false,
  });
  const credential = new CredentialKeeper(PLACES, apiKey, (token) => connection.setApiKey(token));
  if (temporal.jwt) credential.watch();
  return { connection, credential };
}

main().catch((error: unknown) => {
  // systemd starts it again: the uplink or the server may be away.
  console.error(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exit(1);
});
