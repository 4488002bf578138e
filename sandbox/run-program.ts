import { spawn } from 'node:child_process';

export interface ProgramResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface ProgramOptions {
  /** Written to standard input. Secrets go this way, never by argv. */
  input?: string | Buffer;
  env?: NodeJS.ProcessEnv;
  /** Milliseconds after which the program is killed and the call rejects. Default 2 minutes. */
  deadline?: number;
}

/** Runs a program to its end. A program that cannot be started, or is killed by the deadline, rejects; an exit code does not. */
export function runProgram(file: string, args: string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  const deadline = options.deadline ?? 120_000;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: options.env ?? process.env, stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${file} ${args[0] ?? ''} did not end within ${deadline / 1000} s`));
    }, deadline);
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => {}); // A program that ends before it has read everything says so by its exit code.
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const stderr = Buffer.concat(err).toString() + (signal ? `\nended by ${signal}` : '');
      resolve({ exitCode: code ?? 128, stdout: Buffer.concat(out).toString(), stderr });
    });
    child.stdin.end(options.input ?? '');
  });
}
