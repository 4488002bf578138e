import { rmSync } from 'node:fs';
import { daemonPlace, findDaemon, releaseDaemon, reviveDaemon } from './docker-daemon.ts';
import { docker, type Docker } from './docker.ts';
import { openGateway } from './firewall.ts';
import { ensureBaseImage, removeImages } from './machines/image.ts';
import { bridgeName, removeNetworks } from './network.ts';
import { removePulled } from './pulled-images.ts';
import { stateId } from './state.ts';
import { withLock } from './supervisor/lock.ts';
import { endProcess, sandboxProcesses } from './supervisor/processes.ts';
import { findTools } from './tools.ts';

export interface StopOptions {
  directory: string;
  toolsFolder: string;
  say: (text: string) => void;
}

/** Shuts everything down in order, and keeps what is needed to start again. A sandbox that is down, or half up, is fine. */
export async function stop(options: StopOptions): Promise<void> {
  await withLock(options.directory, waiting(options), async () => {
    const on = await findDaemon(daemonPlace(options.toolsFolder));
    await shutDown(options, on);
    await releaseDaemon(daemonPlace(options.toolsFolder), options.directory);
  });
}

/**
 * Stops, and removes everything: containers, network, images, state, and what was pulled from its registry. `keepBase`
 * leaves the VM's base image for others.
 */
export async function reset(options: StopOptions, keepBase: boolean): Promise<void> {
  const { directory, toolsFolder, say } = options;
  await withLock(directory, waiting(options), async () => {
    const on =
      (await findDaemon(daemonPlace(toolsFolder))) ?? (await reviveDaemon(daemonPlace(toolsFolder), directory));
    await shutDown(options, on);
    if (on) {
      await removePulled(on, directory);
      const containers = await containersOf(on, directory, true);
      if (containers.length > 0) await docker(on, ['rm', '-f', '-v', ...containers]);
      await removeNetworks(on, directory);
      await removeImages({ docker: on, stateId: stateId(directory) }, keepBase);
      say('removed its containers, network and images');
    }
    await releaseDaemon(daemonPlace(toolsFolder), directory);
    rmSync(directory, { recursive: true, force: true });
    say(`removed ${directory}`);
  });
}

function waiting({ say }: StopOptions): () => void {
  return () => say('waits for another start, stop or reset of it to end');
}

async function shutDown({ directory, toolsFolder, say }: StopOptions, on: Docker | undefined): Promise<void> {
  const running = on ? await containersOf(on, directory, false) : [];
  if (on && running.length > 0) {
    await docker(on, ['stop', '-t', '60', ...running], { deadline: 180_000 });
    const machines = (await containersOf(on, directory, true, 'edge-train.machine')).filter((id) =>
      running.includes(id),
    );
    if (machines.length > 0) say(machines.length === 1 ? 'stopped its VM' : `stopped its ${machines.length} VMs`);
    if (machines.length < running.length) say('stopped its model servers');
  }
  await endProcesses(directory, say);
  if (on) await openGateway({ on, image: await helperImage(on, toolsFolder) }, bridgeName(stateId(directory)));
}

/** The supervisor ends its programs in order; what a killed supervisor left is ended here. */
async function endProcesses(directory: string, say: (text: string) => void): Promise<void> {
  const before = sandboxProcesses(directory);
  for (const supervisor of before.filter(({ role }) => role === 'supervisor')) await endProcess(supervisor, 90_000);
  await Promise.all(sandboxProcesses(directory).map((orphan) => endProcess(orphan, 15_000)));
  if (before.length > 0) say('stopped its programs');
}

async function containersOf(on: Docker, directory: string, all: boolean, label?: string): Promise<string[]> {
  const filter = [`edge-train.state=${directory}`, ...(label === undefined ? [] : [label])].flatMap((each) => [
    ...['--filter', `label=${each}`],
  ]);
  return (await docker(on, ['ps', '--quiet', ...(all ? ['--all'] : []), ...filter])).split('\n').filter(Boolean);
}

/** Only root needs none. */
async function helperImage(on: Docker, toolsFolder: string): Promise<string> {
  if (process.getuid?.() === 0) return '';
  return await ensureBaseImage({ docker: on, image: findTools(toolsFolder).vmImage });
}
