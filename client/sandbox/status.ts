import { existsSync } from 'node:fs';
import { z } from 'zod';
import { EXIT_CODE } from '../exit-code.ts';
import type { SandboxStatusOutput } from '../output.ts';
import { printJson } from '../show/json.ts';
import { SandboxInfo } from './sandbox-info.ts';
import { sandboxProgram } from './sandbox-program.ts';
import type { StatePaths } from './state-paths.ts';
import { findWorker } from './worker-process.ts';

const ProgramStatus = z.object({
  state: z.enum(['absent', 'stopped', 'degraded', 'running']),
  programs: z.record(z.string(), z.object({ pid: z.int().optional(), restarts: z.int() })),
  machines: z.array(z.object({ name: z.string(), privateAddress: z.string(), power: z.string() })),
  info: SandboxInfo.optional(),
});

export interface SandboxStatus extends z.infer<typeof ProgramStatus> {
  readonly worker: { readonly pid: number } | undefined;
  readonly folder: string;
}

/** What runs of the demo; changes nothing. */
export async function sandboxStatus(paths: StatePaths): Promise<SandboxStatus> {
  const worker = existsSync(paths.folder) ? findWorker(paths) : undefined;
  const own = { worker: worker && { pid: worker.pid }, folder: paths.folder };
  if (!existsSync(paths.sandbox)) return { state: 'absent', programs: {}, machines: [], ...own };
  const printed = await sandboxProgram(['status', '--state', paths.sandbox], () => undefined);
  return { ...ProgramStatus.parse(JSON.parse(printed)), ...own };
}

/** Exit 0 when all of it is up, else 1. */
export function tellStatus(status: SandboxStatus, json: boolean): number {
  const up = status.state === 'running' && status.worker !== undefined;
  if (json) printJson<SandboxStatusOutput>({ ok: up, ...status });
  else process.stdout.write(`${statusLines(status).join('\n')}\n`);
  return up ? EXIT_CODE.done : EXIT_CODE.failed;
}

function statusLines({ state, programs, machines, worker, info, folder }: SandboxStatus): string[] {
  const names = [...Object.keys(programs), ...machines.map(({ name }) => `VM ${name}`)];
  const width = Math.max(18, ...names.map((name) => name.length + 4));
  const row = (name: string, text: string) => `${name.padEnd(width)}${text}`;
  return [
    row('sandbox', `${state} (${folder})`),
    ...Object.entries(programs).map(([name, { pid, restarts }]) =>
      row(
        `  ${name}`,
        `${pid === undefined ? 'down' : `runs, pid ${pid}`}${restarts > 0 ? `, restarted ${restarts}×` : ''}`,
      ),
    ),
    ...machines.map(({ name, power, privateAddress }) => row(`  VM ${name}`, `${power}, ${privateAddress}`)),
    row('worker', worker ? `runs, pid ${worker.pid}` : 'down'),
    ...(info && state === 'running'
      ? [row('Temporal', info.temporal.address), row('Temporal UI', info.temporal.ui)]
      : []),
    ...(state === 'running' && worker ? [] : ['Start it with: edge-train sandbox start']),
  ];
}
