import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, closeSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { docker, type Docker } from './docker.ts';
import { runProgram } from './run-program.ts';
import { isLocked } from './supervisor/lock.ts';
import { endProcess, identify, isAlive, sandboxProcesses, type ProcessIdentity } from './supervisor/processes.ts';
import { FatalError, waitUntil } from './wait-until.ts';

/** Folder of the daemon that the sandbox starts where there is none; shared by the sandboxes of one clone. */
export interface DaemonPlace {
  folder: string;
}

export function daemonPlace(toolsFolder: string): DaemonPlace {
  return { folder: join(toolsFolder, 'docker') };
}

/**
 * The machine's own daemon when one answers (DOCKER_HOST and contexts are honoured), else one of the clone's, started
 * here. `own` tells which.
 */
export async function ensureDaemon(place: DaemonPlace, user: string): Promise<{ on: Docker; own: boolean }> {
  if (await answers({})) return { on: {}, own: false };
  if (process.env.DOCKER_HOST) {
    throw new Error(
      `DOCKER_HOST is ${process.env.DOCKER_HOST}, and no Docker daemon answers there; start it, or unset DOCKER_HOST`,
    );
  }
  mkdirSync(join(place.folder, 'users'), { recursive: true });
  writeFileSync(join(place.folder, 'users', user.replaceAll('/', '%')), '');
  const on = { host: `unix://${socketFile(place)}` };
  if (!(await answers(on))) await startDaemon(place, on);
  return { on, own: true };
}

/** The daemon that a running or stopped sandbox used; starts nothing. Undefined when it does not answer. */
export async function findDaemon(place: DaemonPlace): Promise<Docker | undefined> {
  const on = { host: `unix://${socketFile(place)}` };
  if (await answers({})) return {};
  return existsSync(socketFile(place)) && (await answers(on)) ? on : undefined;
}

/** The clone's own daemon, started if it is down: what sandboxes left there is removed through it. Undefined: there is none. */
export async function reviveDaemon(place: DaemonPlace, user: string): Promise<Docker | undefined> {
  if (process.env.DOCKER_HOST || !existsSync(join(place.folder, 'data'))) return undefined;
  return (await ensureDaemon(place, user)).on;
}

/** Ends the clone's own daemon, if it runs and no other sandbox uses it, and unmounts what it left. Absent is fine. */
export async function releaseDaemon(place: DaemonPlace, user: string): Promise<void> {
  const users = join(place.folder, 'users');
  rmSync(join(users, user.replaceAll('/', '%')), { force: true });
  const others = existsSync(users) ? readdirSync(users).map((name) => name.replaceAll('%', '/')) : [];
  for (const other of others) if (await isInUse(other)) return;
  const daemon = ownProcess(place, pidFile(place));
  if (daemon) await endProcess(daemon, 60_000);
  rmSync(socketFile(place), { force: true });
  rmSync(pidFile(place), { force: true });
  await unmountBelow(place.folder);
}

/** By a sandbox that runs, or by one that is about to: its start has no process yet, and its reset none any more. */
async function isInUse(directory: string): Promise<boolean> {
  return sandboxProcesses(directory).length > 0 || (await isLocked(directory));
}

async function startDaemon(place: DaemonPlace, on: Docker): Promise<void> {
  if (socketFile(place).length > 104) {
    throw new Error(`the path ${socketFile(place)} is too long for a socket; clone to a shorter path`);
  }
  await endStale(place);
  const logFile = join(place.folder, 'dockerd.log');
  const log = openSync(logFile, 'w');
  const args = [
    ...['--data-root', join(place.folder, 'data'), '--exec-root', join(place.folder, 'exec')],
    ...['-H', `unix://${socketFile(place)}`, '--pidfile', pidFile(place)],
  ];
  const child = spawn('dockerd', args, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  let failure: string | undefined;
  child.once('error', (error) => (failure = error.message));
  child.once('exit', (code) => (failure = `it ended with exit code ${code}`));
  await waitUntil('the Docker daemon', 60_000, async () => {
    if (failure)
      throw new FatalError(
        `no Docker daemon answers, and dockerd does not start: ${failure}: ${lastLine(logFile)}. Its log is ${logFile}`,
      );
    return await answers(on);
  });
  child.unref();
}

async function answers(on: Docker): Promise<boolean> {
  try {
    return (await docker(on, ['info', '--format', '{{.ServerVersion}}'], { deadline: 20_000 })) !== '';
  } catch {
    return false;
  }
}

/**
 * A dockerd that was killed leaves its containerd, which may let no other start; and dockerd waits in vain for a
 * containerd whose pid is a zombie's or a stranger's by now. So both processes are ended, and both pid files go.
 */
async function endStale(place: DaemonPlace): Promise<void> {
  for (const file of [pidFile(place), join(place.folder, 'exec', 'containerd', 'containerd.pid')]) {
    const process = ownProcess(place, file);
    if (process) await endProcess(process, 30_000);
    rmSync(file, { force: true });
  }
}

/** By its pid file, and by the folder that we named on its command line. */
function ownProcess(place: DaemonPlace, pidFile: string): ProcessIdentity | undefined {
  try {
    const identity = identify(Number(readFileSync(pidFile, 'utf8')));
    if (!identity || !isAlive(identity)) return undefined;
    return readFileSync(`/proc/${identity.pid}/cmdline`, 'utf8').includes(`${place.folder}/`) ? identity : undefined;
  } catch {
    return undefined;
  }
}

function lastLine(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').at(-1)?.slice(0, 300) ?? '';
}

async function unmountBelow(folder: string): Promise<void> {
  const points = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '))
    .filter((point) => point.startsWith(`${folder}/`));
  for (const point of points.reverse()) await runProgram('umount', ['-l', point]);
}

function socketFile(place: DaemonPlace): string {
  return join(place.folder, 'docker.sock');
}

function pidFile(place: DaemonPlace): string {
  return join(place.folder, 'dockerd.pid');
}
