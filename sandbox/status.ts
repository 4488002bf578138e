import { readFileSync } from 'node:fs';
import { daemonPlace, findDaemon } from './docker-daemon.ts';
import type { SandboxInfo } from './info.ts';
import { containerPower } from './machines/container.ts';
import { readRecords } from './machines/records.ts';
import { readSupervisorStatus } from './readiness.ts';
import { readState, statePaths } from './state.ts';
import { sandboxProcesses } from './supervisor/processes.ts';

export interface SandboxStatus {
  state: 'absent' | 'stopped' | 'degraded' | 'running';
  directory: string;
  supervisor?: number;
  programs: Record<string, { pid?: number; restarts: number; lastExit?: string }>;
  machines: { name: string; privateAddress: string; power: 'running' | 'stopped' | 'absent' }[];
  info?: SandboxInfo;
}

/** What runs now, as the kernel and Docker have it. Changes nothing. */
export async function status(directory: string, toolsFolder: string): Promise<SandboxStatus> {
  const state = readState(directory);
  if (!state) return { state: 'absent', directory, programs: {}, machines: [] };
  const processes = sandboxProcesses(directory);
  const supervisor = processes.find(({ role }) => role === 'supervisor');
  const programs = supervisor ? (readSupervisorStatus(directory)?.programs ?? {}) : {};
  const on = await findDaemon(daemonPlace(toolsFolder));
  const machines = [];
  for (const { name, privateAddress } of readRecords(statePaths(directory).machines)) {
    const config = { docker: on ?? {}, stateId: state.id };
    machines.push({ name, privateAddress, power: on ? await containerPower(config, name) : ('stopped' as const) });
  }
  const up = Object.values(programs).every(({ pid }) => processes.some((process) => process.pid === pid));
  const word = supervisor ? (up ? 'running' : 'degraded') : processes.length > 0 ? 'degraded' : 'stopped';
  return { state: word, directory, supervisor: supervisor?.pid, programs, machines, info: readInfo(directory) };
}

function readInfo(directory: string): SandboxInfo | undefined {
  try {
    return JSON.parse(readFileSync(statePaths(directory).info, 'utf8')) as SandboxInfo;
  } catch {
    return undefined; // killed before it was written
  }
}
