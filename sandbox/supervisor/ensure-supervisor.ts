import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readSupervisorStatus } from '../readiness.ts';
import { statePaths } from '../state.ts';
import { writeWhole } from '../write-whole.ts';
import { endProcess, ROLE_VARIABLE, sandboxProcesses, STATE_VARIABLE } from './processes.ts';
import type { Program } from './program.ts';

/**
 * A supervisor that keeps just these programs alive. One that does is left alone; else it is replaced, and what a killed
 * one left is ended first.
 */
export async function ensureSupervisor(directory: string, programs: Program[]): Promise<void> {
  const file = statePaths(directory).programs;
  const wanted = JSON.stringify(programs, null, 2);
  const running = sandboxProcesses(directory);
  const supervisor = running.find(({ role }) => role === 'supervisor');
  const same = existsSync(file) && readFileSync(file, 'utf8') === wanted;
  if (supervisor && same && isWell(directory, supervisor.pid)) return;
  if (supervisor) await endProcess(supervisor, 60_000);
  await Promise.all(sandboxProcesses(directory).map((orphan) => endProcess(orphan, 15_000)));
  writeWhole(file, wanted);
  await spawnSupervisor(directory);
}

/** None of its programs is between an end and a start. */
function isWell(directory: string, pid: number): boolean {
  const status = readSupervisorStatus(directory);
  return status?.pid === pid && Object.values(status.programs).every((program) => program.pid !== undefined);
}

async function spawnSupervisor(directory: string): Promise<void> {
  mkdirSync(statePaths(directory).logs, { recursive: true, mode: 0o700 });
  rmSync(join(directory, 'supervisor.json'), { force: true });
  const log = openSync(join(statePaths(directory).logs, 'supervisor.log'), 'w', 0o600);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), directory], {
    detached: true,
    cwd: directory,
    stdio: ['ignore', log, log],
    env: { ...process.env, [STATE_VARIABLE]: directory, [ROLE_VARIABLE]: 'supervisor' },
  });
  closeSync(log);
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  child.unref();
}
