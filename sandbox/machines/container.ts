import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { docker, DockerError, dockerResult, inspect, stateLabel } from '../docker.ts';
import { FatalError, waitUntil } from '../wait-until.ts';
import { clip, containerName, type MachinesConfig } from './config.ts';
import type { MachineRecord } from './records.ts';

const bootScript = readFileSync(join(import.meta.dirname, 'agent', 'boot.sh'), 'utf8');

interface InspectedContainer {
  State: { Running: boolean };
}

/** What the container of a machine is doing now. */
export async function containerPower(
  config: Pick<MachinesConfig, 'docker' | 'stateId'>,
  name: string,
): Promise<'running' | 'stopped' | 'absent'> {
  const container = await inspect<InspectedContainer>(config.docker, 'container', containerName(config, name));
  if (!container) return 'absent';
  return container.State.Running ? 'running' : 'stopped';
}

/**
 * A machine as a container whose first process is systemd. It sees nothing of this machine's file system; it has the
 * capabilities that systemd and its units' sandboxing need (SYS_PTRACE: `PrivateUsers=`), named one by one since
 * `--privileged` is refused on machines that lack some themselves.
 */
export async function createContainer(config: MachinesConfig, record: MachineRecord, image: string): Promise<void> {
  const { memoryMiB, cores, clipped } = clip(record);
  if (clipped) console.error(`${record.name}: ${clipped}`);
  await docker(config.docker, [
    ...['create', '-t', '--name', containerName(config, record.name), '--hostname', record.hostName],
    ...['--label', stateLabel(config.stateDirectory), '--label', `edge-train.machine=${record.name}`],
    ...['--cap-add', 'SYS_ADMIN', '--cap-add', 'NET_ADMIN', '--cap-add', 'SYS_PTRACE'],
    ...['--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined', '--cgroupns', 'private'],
    ...['--tmpfs', '/run', '--tmpfs', '/run/lock', '--shm-size', `${Math.floor(memoryMiB / 2)}m`],
    ...['--memory', `${memoryMiB}m`, '--cpus', String(cores), '--restart', 'no', '--stop-signal', 'SIGRTMIN+3'],
    ...['--network', config.network.name, '--ip', record.privateAddress, '--dns', config.network.gateway],
    ...['--log-driver', 'json-file', '--log-opt', 'max-size=1m', '--log-opt', 'max-file=2'],
    ...[image, '/bin/sh', '-c', bootScript],
  ]);
}

/** Starts the container (running is fine) and returns when systemd says that the system is up. */
export async function powerOn(config: MachinesConfig, record: MachineRecord): Promise<void> {
  const { name } = record;
  const container = containerName(config, name);
  try {
    await docker(config.docker, ['start', container]);
  } catch (error) {
    if (!(error instanceof DockerError) || !/network \S+ not found/.test(error.message)) throw error;
    await plugIn(config, record); // the network was removed and made again since
    await docker(config.docker, ['start', container]);
  }
  const state = await waitUntil(`boot of ${name}`, 120_000, async () => {
    if ((await containerPower(config, name)) !== 'running') {
      throw new FatalError(`${name} stopped while it booted; its console: docker logs ${container}`);
    }
    const { stdout } = await dockerResult(config.docker, [
      'exec',
      container,
      'systemctl',
      'is-system-running',
      '--wait',
    ]);
    return ['running', 'degraded'].find((word) => word === stdout.trim());
  });
  if (state === 'running') return;
  const { stdout } = await dockerResult(config.docker, [
    'exec',
    container,
    'systemctl',
    '--failed',
    '--plain',
    '--no-legend',
  ]);
  console.error(`${name} is up, but units failed: ${stdout.trim().replaceAll('\n', '; ')}`);
}

async function plugIn(config: MachinesConfig, { name, privateAddress }: MachineRecord): Promise<void> {
  const [network, container] = [config.network.name, containerName(config, name)];
  await docker(config.docker, ['network', 'disconnect', '--force', network, container]);
  await docker(config.docker, ['network', 'connect', '--ip', privateAddress, network, container]);
}

/** An orderly shutdown; after 60 s the power is cut. Absent or stopped is fine. */
export async function powerOff(config: MachinesConfig, name: string): Promise<void> {
  if ((await containerPower(config, name)) !== 'running') return;
  await docker(config.docker, ['stop', '-t', '60', containerName(config, name)]);
}

/** Runs a Python program in the machine, with `input` as JSON on its standard input. Throws when it fails. */
export async function runInside(
  config: MachinesConfig,
  name: string,
  command: string[],
  input: unknown,
  deadline = 120_000,
): Promise<string> {
  const args = ['exec', '-i', containerName(config, name), ...command];
  return await docker(config.docker, args, {
    input: typeof input === 'string' ? input : JSON.stringify(input),
    deadline,
  });
}
