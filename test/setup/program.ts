import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A program under test: what it wrote so far, and its end. */
export interface Program {
  child: ChildProcess;
  output: () => string;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; output: string }>;
}

/** Starts Node with these arguments, as from a shell: not as a part of this test run. */
export function startNode(args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Program {
  return start(process.execPath, args, options);
}

export function start(file: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Program {
  const { NODE_TEST_CONTEXT: _context, ...env } = { ...process.env, ...options.env };
  const child = spawn(file, args, { cwd: options.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const ended = new Promise<Awaited<Program['ended']>>((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve({ code, signal, output }));
  });
  return { child, output: () => output, ended };
}

/** Whether a process is there and not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
