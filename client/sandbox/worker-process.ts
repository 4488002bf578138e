import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { failed } from '../command-error.ts';
import { holdsWithin } from '../holds-within.ts';
import { workerCommand } from '../worker-command.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';
import type { StatePaths } from './state-paths.ts';
import { writePrivate } from './write-private.ts';

const Recorded = z.object({ pid: z.int(), startTime: z.string(), configuration: z.string() });

/** The demo's worker: a process that outlives the command, found again by pid and start time. */
export function findWorker(paths: StatePaths): (ProcessIdentity & { configuration?: string }) | undefined {
  const recorded = readRecord(paths);
  if (recorded && isAlive(recorded)) return recorded;
  return unrecorded(paths);
}

/** Killed between the start and the record, a worker is found by the one folder that stands on its command line. */
function unrecorded(paths: StatePaths): ProcessIdentity | undefined {
  const expected = workerCommand(ROLES, paths.folder).join('\0');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => commandLine(pid).endsWith(`\0${expected}\0`))
    .map((pid) => identify(Number(pid)))
    .find((process) => process !== undefined);
}

const ROLES = 'cloud,site';

/** Starts the worker. `configuration` names what it was started with: another one needs a new worker. */
export function startWorker(paths: StatePaths, configuration: string, caFile: string): ProcessIdentity {
  mkdirSync(paths.worker.logs, { recursive: true, mode: 0o700 });
  const log = openSync(paths.worker.log, 'a', 0o600);
  const child = spawn(process.execPath, workerCommand(ROLES, paths.folder), {
    detached: true,
    stdio: ['ignore', log, log],
    // A fixed threshold makes glibc give back what the start needed.
    env: { ...withoutTemporal(process.env), NODE_EXTRA_CA_CERTS: caFile, MALLOC_TRIM_THRESHOLD_: '131072' },
  });
  closeSync(log);
  child.on('error', () => undefined); // no pid then, which is told below
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (!identity) throw workerFailed(paths);
  writePrivate(paths.worker.pid, JSON.stringify({ ...identity, configuration }));
  child.unref();
  return identity;
}

/** The demo's worker works for the demo's server, whatever profile its user has. */
export function withoutTemporal(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

/** SIGTERM, then SIGKILL after `patience`: nothing of a run is lost by either. */
export async function stopWorker(paths: StatePaths, patience = 20_000): Promise<boolean> {
  const worker = findWorker(paths);
  if (worker) {
    const isGone = () => !isAlive(worker);
    send(worker, 'SIGTERM');
    if (!(await holdsWithin(patience, isGone))) {
      send(worker, 'SIGKILL');
      await holdsWithin(10_000, isGone);
    }
  }
  rmSync(paths.worker.pid, { force: true });
  return worker !== undefined;
}

export function workerFailed(paths: StatePaths) {
  return failed({
    class: 'host',
    type: 'WorkerFailed',
    cause: `The worker did not start: ${lastWords(paths)}`,
    nextStep: `Read ${paths.worker.log}, and run the command again.`,
  });
}

function lastWords(paths: StatePaths): string {
  try {
    const lines = readFileSync(paths.worker.log, 'utf8').trimEnd().split('\n');
    return lines.filter((line) => !/^\s+at |^Node\.js v|^\s*$/.test(line)).at(-1) ?? 'it said nothing';
  } catch {
    return 'it said nothing';
  }
}

function send(worker: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(worker)) return;
  try {
    process.kill(worker.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function readRecord(paths: StatePaths) {
  try {
    return Recorded.parse(JSON.parse(readFileSync(paths.worker.pid, 'utf8')));
  } catch {
    return undefined;
  }
}
