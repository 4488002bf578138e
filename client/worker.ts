import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { findConfig } from './config/find-config.ts';
import { EXIT_CODE } from './exit-code.ts';
import { workerCommand } from './worker-command.ts';

/** `edge-train worker`: the workers' own program in the foreground, with the signals that come here. */
export async function worker({ role, config }: { role: string; config?: string }): Promise<number> {
  const folder = config ?? findConfig(undefined);
  const child = spawn(process.execPath, workerCommand(role, folder), { stdio: 'inherit' });
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, pass);
  const [exitCode, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (signal === 'SIGINT' || signal === 'SIGTERM') return EXIT_CODE.interrupted;
  return exitCode ?? EXIT_CODE.failed;
}
