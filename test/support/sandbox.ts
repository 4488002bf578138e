import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SandboxInfo } from '../../sandbox/info.ts';
import type { SandboxStatus } from '../../sandbox/status.ts';

const root = join(import.meta.dirname, '..', '..');
const main = join(root, 'sandbox', 'main.ts');

/** A sandbox of a test file's own, in a temporary folder. */
export interface TestSandbox {
  directory: string;
  info: SandboxInfo;
  /** `start` again (heals; takes more seeds and so on). */
  start(...args: string[]): Promise<SandboxInfo>;
  status(): Promise<SandboxStatus>;
  stop(): Promise<void>;
  /** Removes all that it made. To be called in `after`; when the test's process dies before, it happens all the same. */
  close(): Promise<void>;
}

/**
 * Starts a sandbox with the arguments of `sandbox/main.ts start`. From before the first step, a process of its own holds
 * the other end of a pipe to this one: when the pipe closes, by `close` or by any death, it resets the sandbox.
 */
export async function startSandbox(...args: string[]): Promise<TestSandbox> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'edge-train-test-')));
  const close = guard(directory);
  const start = async (...more: string[]) => JSON.parse(await run('start', directory, more)) as SandboxInfo;
  try {
    return {
      directory,
      info: await start(...args),
      start,
      status: async () => JSON.parse(await run('status', directory, [])) as SandboxStatus,
      stop: async () => void (await run('stop', directory, [])),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs `sandbox/main.ts`; returns its standard output, throws with its standard error. */
export async function run(verb: string, directory: string, args: string[]): Promise<string> {
  const child = spawn(process.execPath, [main, verb, '--state', directory, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exitCode(child)]);
  if (code !== 0) throw new Error(`sandbox ${verb} ended with exit code ${code}:\n${errors}`);
  return output;
}

function guard(directory: string): () => Promise<void> {
  // The shell outlives this process (own session) and waits for the pipe's end. The VM's base image stays for other tests.
  const script = 'cat >/dev/null; exec "$0" "$1" reset --state "$2" --keep-images 2>&1';
  const child = spawn('sh', ['-c', script, process.execPath, main, directory], {
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const said = text(child.stdout);
  const ended = exitCode(child);
  child.unref();
  return async () => {
    child.ref();
    child.stdin.end();
    const code = await ended;
    if (code !== 0) throw new Error(`the sandbox in ${directory} could not be reset:\n${await said}`);
  };
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function exitCode(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => child.once('error', reject).once('exit', (code) => resolve(code)));
}
