import { readdirSync, readFileSync } from 'node:fs';
import { waitUntil } from '../wait-until.ts';

/** A process that cannot be mistaken for a later one with the same number: start time is in clock ticks since boot. */
export interface ProcessIdentity {
  pid: number;
  startTime: string;
}

/** Set in the environment of every process of a sandbox; the value is its state directory. */
export const STATE_VARIABLE = 'EDGE_TRAIN_SANDBOX_STATE';
/** `supervisor`, or the program's name. */
export const ROLE_VARIABLE = 'EDGE_TRAIN_SANDBOX_ROLE';

export interface SandboxProcess extends ProcessIdentity {
  role: string;
}

/**
 * The live processes of a sandbox, as the kernel has them: found by what each was started with (its environment), so a
 * stale pid file, or a stranger with a reused number, can never be taken for one. The oldest first: a program before what it
 * started, which has its role too.
 */
export function sandboxProcesses(directory: string): SandboxProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const environment = readEnvironment(name);
      if (environment.get(STATE_VARIABLE) !== directory) return [];
      const identity = identify(Number(name));
      return identity ? [{ ...identity, role: environment.get(ROLE_VARIABLE) ?? '' }] : [];
    })
    .sort((one, other) => Number(one.startTime) - Number(other.startTime));
}

/** Undefined when there is no such process, or only its remains (a zombie). */
export function identify(pid: number): ProcessIdentity | undefined {
  const fields = readStat(pid);
  if (!fields || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return { pid, startTime: fields[19] ?? '' };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

/** SIGTERM, and SIGKILL when it has not ended `grace` milliseconds later. Returns when it is gone. */
export async function endProcess(identity: ProcessIdentity, grace: number): Promise<void> {
  send(identity, 'SIGTERM');
  try {
    await waitUntil(`end of process ${identity.pid}`, grace, () => !isAlive(identity));
  } catch {
    send(identity, 'SIGKILL');
    await waitUntil(`end of killed process ${identity.pid}`, 10_000, () => !isAlive(identity));
  }
}

function send(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Fields of /proc/PID/stat from the third (state) on; the second, the name, may itself hold spaces and brackets. */
function readStat(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** Empty for processes of other users, which are none of ours. */
function readEnvironment(pid: string): Map<string, string> {
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return new Map(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
  } catch {
    return new Map();
  }
}
