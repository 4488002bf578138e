import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CommandError, failed } from '../command-error.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { printable } from '../show/text.ts';
import { ROOT } from './state-paths.ts';

/**
 * Runs the sandbox's own program and returns what it prints; each line that it says goes to `say`. It runs in a process
 * group of its own, so that Ctrl-C reaches us first: a signal ends a start, and what stops or resets is not stopped half way.
 * @throws CommandError exit 1, with the last thing that it said; 130 when a signal ended it
 */
export async function sandboxProgram(args: readonly string[], say: (text: string) => void): Promise<string> {
  const child = spawn(process.execPath, [join(ROOT, 'sandbox', 'main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let interrupted = false;
  const end = () => {
    interrupted = true;
    child.kill('SIGTERM');
  };
  if (args[0] === 'start') for (const signal of SIGNALS) process.on(signal, end);
  const said: string[] = [];
  const lines = createInterface({ input: child.stderr });
  lines.on('line', (line) => {
    said.push(line);
    say(printable(line));
  });
  const printed: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => printed.push(chunk));
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    if (exitCode === 0) return Buffer.concat(printed).toString('utf8');
    if (interrupted) throw interruptedStart();
    throw failed({
      class: 'host',
      type: 'SandboxFailed',
      cause: `The sandbox did not ${args[0]}: ${said.filter((line) => line.trim() !== '').at(-1) ?? `exit code ${exitCode}`}`,
      nextStep:
        'Run the command again: it goes on from where this stopped. `edge-train sandbox reset` makes a new one.',
    });
  } finally {
    for (const signal of SIGNALS) process.off(signal, end);
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function interruptedStart(): CommandError {
  return new CommandError(EXIT_CODE.interrupted, {
    class: 'host',
    type: 'Interrupted',
    cause: 'The start of the sandbox was interrupted; a part of it may run.',
    nextStep: 'Run the command again, which goes on from there; `edge-train sandbox stop` stops it.',
  });
}
