import { spawn, type ChildProcess } from 'node:child_process';
import { LogFile } from './log-file.ts';
import type { Program, ProgramStatus } from './program.ts';
import { ROLE_VARIABLE, STATE_VARIABLE } from './processes.ts';

const firstPause = 100;
const longestPause = 5_000;
/** A program that lived this long is well: its next end counts as the first. */
const healthyAfter = 20_000;

/**
 * Starts one program and starts it again whenever it ends, with a pause that doubles up to 5 s. Its process is told by the
 * kernel to end when the supervisor dies in whatever way (setpriv --pdeathsig), so none is left behind.
 */
export class KeptAlive {
  readonly program: Program;
  readonly status: ProgramStatus = { restarts: 0 };
  private readonly directory: string;
  private readonly log: LogFile;
  private readonly changed: () => void;
  private child: ChildProcess | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pause = firstPause;
  private stopped = false;

  constructor(program: Program, directory: string, log: LogFile, changed: () => void) {
    this.program = program;
    this.directory = directory;
    this.log = log;
    this.changed = changed;
  }

  start(): void {
    const { file, args, env, name } = this.program;
    const begun = Date.now();
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', file, ...args], {
      env: { ...env, [STATE_VARIABLE]: this.directory, [ROLE_VARIABLE]: name },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    child.stdout.on('data', (chunk: Buffer) => this.log.append(chunk));
    child.stderr.on('data', (chunk: Buffer) => this.log.append(chunk));
    child.once('error', (error) => this.ended(begun, `could not be started: ${error.message}`));
    child.once('exit', (code, signal) => this.ended(begun, signal ?? `exit code ${code}`));
    this.status.pid = child.pid;
    this.changed();
  }

  /** Returns when the process is gone; it is not started again. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    const child = this.child;
    if (!child?.pid) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), this.program.grace);
    await gone;
    clearTimeout(timer);
  }

  private ended(begun: number, how: string): void {
    if (!this.child) return;
    this.child = undefined;
    this.status.pid = undefined;
    this.status.lastExit = how;
    this.log.append(`${new Date().toISOString()} ${this.program.name} ended: ${how}\n`);
    if (!this.stopped) {
      this.pause = Date.now() - begun > healthyAfter ? firstPause : Math.min(this.pause * 2, longestPause);
      this.status.restarts += 1;
      this.timer = setTimeout(() => this.start(), this.pause);
    }
    this.changed();
  }
}
