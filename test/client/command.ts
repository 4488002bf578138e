import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const ROOT = join(import.meta.dirname, '..', '..');
export const MAIN = join(ROOT, 'client', 'main.ts');
/** As bin/edge-train has it. */
const CACHE = join(ROOT, '.tools', 'compile-cache');

/** Runs the real command. Nothing of the tester's own Temporal or configuration reaches it. */
export function command(args: readonly string[], options: Surroundings = {}): Promise<Ended> {
  return startCommand(args, options).ended;
}

interface Surroundings {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Waits until it has said something like this, on either stream. */
  says(text: RegExp): Promise<void>;
}

/** The same, while it goes on. */
export function startCommand(args: readonly string[], options: Surroundings = {}): Running {
  return startProgram(process.execPath, [MAIN, ...args], options);
}

export function startProgram(file: string, args: readonly string[], { cwd, env = {} }: Surroundings = {}): Running {
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(TEMPORAL_|EDGE_TRAIN_|NO_COLOR|FORCE_COLOR|NODE_TEST)/.test(name),
    ),
  );
  const own = { HOME: '/nonexistent', NODE_COMPILE_CACHE: CACHE };
  const child = spawn(file, args, { cwd, env: { ...clean, ...own, ...env } });
  child.stdin.end();
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
  const says = async (text: RegExp) => {
    const deadline = Date.now() + 30_000;
    while (!text.test(stdout) && !text.test(stderr)) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`never said ${text}: ${stdout}${stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { child, ended, says };
}

/** A folder of files that goes with the test. */
export function folder(t: TestContext, files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'edge-train-client-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return path;
}

/** A listener that counts who comes: what a refused input must never do. */
export async function tripwire(t: TestContext): Promise<{ port: number; visits(): number }> {
  let visits = 0;
  const server = createServer((socket) => {
    visits++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  return { port, visits: () => visits };
}

export const JOB = `type: command
command: python train.py --data \${{inputs.data}} --rate \${{inputs.rate}}
code: src
inputs:
  data:
    type: uri_file
    path: azureml://datastores/hospital/paths/a/b.csv
  rate: 0.5
environment: azureml://registries/azureml/environments/sklearn-1.5/labels/latest
`;
export const TRAINING = `site: demo
job: job.yml
model:
  name: heart
`;

/** Files of a training that is in order, and a client.yml whose services are all on one port. */
export function training(port: number): Record<string, string> {
  return {
    'training.yml': TRAINING,
    'job.yml': JOB,
    'src/train.py': 'print("trains")\n',
    'config/client.yml': `code:\n  container: https://127.0.0.1:${port}/account/code\n  sas: env:CODE_SAS\n`,
    'config/temporal.toml': `[profile.default]\naddress = "127.0.0.1:${port}"\n`,
  };
}
