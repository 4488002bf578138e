import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SandboxInfo } from '../../sandbox/info.ts';
import type { TrainModelResult } from '../../domain/train-model-result.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
export const EXAMPLE = join(ROOT, 'examples', 'breast-cancer');

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The whole product as a user has it: the command, its sandbox and worker, in a temporary folder. */
export interface Product {
  readonly folder: string;
  readonly info: SandboxInfo;
  edgeTrain(...args: string[]): Promise<Ended>;
  /** `run … --json`, which must succeed. */
  train(file: string, ...args: string[]): Promise<TrainModelResult>;
  /** Removes all that it made; happens too when the test's process dies. */
  close(): Promise<void>;
}

/**
 * `codec`: with `sandbox start --codec`. `trackingServer`: jobs log as on any site by default; without, VMs make no environment
 * for MLflow's server, which takes them half a minute: most tests are about something else.
 */
export async function startProduct({ codec = false, trackingServer = false } = {}): Promise<Product> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'edge-train-e2e-')));
  keepCaches(folder);
  const close = guard(folder);
  const edgeTrain = (...args: string[]) => command([join(ROOT, 'client', 'main.ts'), ...args], folder);
  const product = (): Product => ({
    folder,
    info: JSON.parse(readFileSync(join(folder, 'sandbox', 'sandbox.json'), 'utf8')) as SandboxInfo,
    edgeTrain,
    train: async (file, ...args) => {
      const ended = await edgeTrain('run', file, '--json', ...args);
      if (ended.code !== 0) throw new Error(`run ended with ${ended.code}:\n${ended.stdout}\n${ended.stderr}`);
      return (JSON.parse(ended.stdout) as { result: TrainModelResult }).result;
    },
    close,
  });
  const started = await edgeTrain('sandbox', 'start', '--state', folder, ...(codec ? ['--codec'] : []));
  if (started.code === 0) {
    if (!trackingServer) withoutTrackingServer(join(folder, 'site.yml'));
    return product();
  }
  await close();
  throw new Error(`sandbox start ended with ${started.code}:\n${started.stdout}\n${started.stderr}`);
}

/** What the workers make and may lose outlives a test's product: else each would pack Node and fetch its packages anew. */
function keepCaches(folder: string): void {
  mkdirSync(join(folder, 'cache'));
  for (const [name, kept] of [
    ['bundle', 'bundles'],
    ['uv', 'test-packages'],
  ] as const) {
    const place = join(ROOT, '.tools', kept);
    mkdirSync(place, { recursive: true });
    symlinkSync(place, join(folder, 'cache', name));
  }
}

/** The site worker reads its file anew at each step. */
export function withoutTrackingServer(siteFile: string): void {
  writeFileSync(siteFile, `${readFileSync(siteFile, 'utf8')}\nlimits: {trackingServer: false}\n`);
}

/** What `docker` prints, on the daemon that the sandbox uses. */
export async function docker(info: SandboxInfo, ...args: string[]): Promise<string> {
  const env = { ...process.env, ...(info.docker.host === undefined ? {} : { DOCKER_HOST: info.docker.host }) };
  const { stdout } = await promisify(execFile)('docker', args, { env, maxBuffer: 64 * 2 ** 20 });
  return stdout.trim();
}

type Running = Pick<Product, 'info' | 'folder'>;

/** Names of the containers that are the sandbox's VMs; with `--all` of those that are stopped, too. */
export async function vmContainers({ info, folder }: Running, ...more: string[]): Promise<string[]> {
  const labels = [`label=edge-train.state=${join(folder, 'sandbox')}`, 'label=edge-train.machine'];
  const filters = labels.flatMap((label) => ['--filter', label]);
  const names = await docker(info, 'ps', ...more, ...filters, '--format', '{{.Names}}');
  return names.split('\n').filter(Boolean);
}

/** The one VM's container. */
export async function vmContainer(product: Running): Promise<string> {
  const names = await vmContainers(product);
  if (names.length !== 1) throw new Error(`expected one VM, and these run: ${names.join(', ') || 'none'}`);
  return names[0] ?? '';
}

function command(args: string[], folder: string): Promise<Ended> {
  const env: NodeJS.ProcessEnv = { ...process.env, EDGE_TRAIN_CONFIG: folder };
  for (const name of Object.keys(env)) if (name.startsWith('TEMPORAL_')) delete env[name];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr]: [string[], string[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, stdout: stdout.join(''), stderr: stderr.join('') }));
  });
}

/** A process of its own waits for the end of a pipe to this one, and then resets: so nothing outlives a killed test. */
export function guard(folder: string): () => Promise<void> {
  const script = 'cat >/dev/null; exec "$0" "$1" sandbox reset --state "$2" >/dev/null 2>&1';
  const child = spawn('sh', ['-c', script, process.execPath, join(ROOT, 'client', 'main.ts'), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.unref();
  return async () => {
    child.ref();
    child.stdin?.end();
    const code = await ended;
    if (code !== 0) throw new Error(`sandbox reset ended with ${code}`);
  };
}
