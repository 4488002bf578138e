import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { until } from '../support/until.ts';
import { ROOT } from './product.ts';

/** One `npm start` as a user has it: npm, set-up and the demo, in a process group of their own. */
export interface NpmStart {
  output(): string;
  /** Waits until the output so far matches. An end before that is an error. */
  says(pattern: RegExp, seconds?: number): Promise<void>;
  /** To all of its process group, as a terminal's Ctrl-C or a `kill -- -PGID` does. */
  signal(name: NodeJS.Signals): void;
  /** `kill -9` of the process group. Returns when it is gone. */
  kill(): Promise<void>;
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** What a test that failed leaves is killed when it ends. */
export function npmStart(t: TestContext, folder: string, ...args: string[]): NpmStart {
  return watched(t, spawn('npm', ['start', '--', '--state', folder, ...args], { ...asUser(), detached: true }));
}

/**
 * The same on a terminal of its own (`script` is in every Debian): what is written to `child.stdin` is typed there. Told
 * to, without npm in between, which ends with 130 after a Ctrl-C whatever its script ended with.
 */
export function startOnTerminal(
  t: TestContext,
  program: 'npm start' | 'node setup/main.mjs start',
  folder: string,
  ...args: string[]
): NpmStart {
  const command = `stty cols 100 rows 50; exec ${program} -- --state ${folder} ${args.join(' ')}`;
  const script = ['--quiet', '--return', '--command', command, '/dev/null'];
  return watched(t, spawn('script', script, { ...asUser(), detached: true }));
}

function asUser() {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return { cwd: ROOT, env: { ...env, TERM: 'xterm', SHELL: '/bin/sh' } };
}

function watched(t: TestContext, child: ChildProcess): NpmStart {
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<Awaited<NpmStart['ended']>>((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => resolve({ code, signal }));
  });
  const signal = (name: NodeJS.Signals) => void process.kill(-(child.pid ?? 0), name);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  t.after(async () => {
    if (hasEnded()) return;
    signal('SIGKILL');
    await ended;
  });
  return {
    child,
    ended,
    signal,
    output: () => output,
    says: async (pattern, seconds = 300) => {
      const said = () => {
        if (pattern.test(output)) return true;
        if (hasEnded()) throw new Error(`npm start ended, and never said ${pattern}:\n${output}`);
        return false;
      };
      await until(`npm start says ${pattern}; it said:\n${output}`, said, seconds);
    },
    kill: async () => {
      signal('SIGKILL');
      await ended;
    },
  };
}

export interface Process {
  readonly pid: number;
  readonly command: string;
}

/** Every process that was started for this folder, by its command line or its environment, wherever it has moved. */
export function processesOf(folder: string): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const [command, environment] = [read(`/proc/${name}/cmdline`), read(`/proc/${name}/environ`)];
      const isOurs = command.split('\0').some((word) => names(word, folder)) || environment.includes(`=${folder}`);
      return isOurs && command !== '' ? [{ pid: Number(name), command: command.replaceAll('\0', ' ').trim() }] : [];
    });
}

const names = (word: string, folder: string): boolean => word === folder || word.includes(`${folder}/`);

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

/** The TCP ports that anything on this machine listens on. */
export function listeningPorts(): Set<number> {
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => read(file).split('\n').slice(1));
  const listening = lines.map((line) => line.trim().split(/\s+/)).filter(([, , , state]) => state === '0A');
  return new Set(listening.map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16)));
}
