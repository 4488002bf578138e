import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cancellationSignal, heartbeat } from '@temporalio/activity';
import type { PreparedEnvironment } from '../../domain/completed-job.ts';
import type { EnvironmentPlan } from '../../domain/environment.ts';
import { redact, ServiceError } from '../../services/errors.ts';
import { sha256 } from '../../services/signing.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { readReady } from './ready-environment.ts';
import { hasMlflow, trackingServerPlan } from './tracking-server.ts';
import { writeWhole } from './write-whole.ts';

const run = promisify(execFile);
const building = new Map<string, Promise<PreparedEnvironment>>();

/**
 * A Python environment that is named by what it is made of, made once a VM, before any data is in reach. The marker
 * `ready.json` is written last: an environment without it is made anew. So is, where it has MLflow, that of the tracking
 * server which its jobs will have. Minutes; heartbeats.
 */
export async function prepareEnvironment(edge: EdgeDependencies, plan: EnvironmentPlan): Promise<PreparedEnvironment> {
  const prepared = await prepare(edge, plan, []);
  if (hasMlflow(prepared)) await prepareTrackingServer(edge);
  return prepared;
}

/** A VM whose Python is too old for any server has none, and its scripts log to a folder: their MLflow is as old. */
async function prepareTrackingServer(edge: EdgeDependencies): Promise<void> {
  try {
    // No dependencies: of MLflow's own, the lock names those alone that a server needs.
    await prepare(edge, await trackingServerPlan(edge), ['--require-hashes', '--no-deps']);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (error.type === 'PythonNotOffered') return;
    if (error.type !== 'EnvironmentUnsolvable') throw error;
    const nextStep = 'Let the site’s package index offer these files; the job’s own environment is in order.';
    throw new ServiceError({ ...error.toFailure(), class: 'host', nextStep, retryable: false });
  }
}

async function prepare(
  edge: EdgeDependencies,
  plan: EnvironmentPlan,
  options: readonly string[],
): Promise<PreparedEnvironment> {
  const { path } = await edge.launcher.environment(plan.digest);
  const ready = await readReady(path);
  if (ready) return { ...ready, cached: true };
  const current = building.get(path) ?? build(edge, plan, path, options).finally(() => building.delete(path));
  building.set(path, current);
  return await beating(current);
}

async function build(
  edge: EdgeDependencies,
  plan: EnvironmentPlan,
  path: string,
  options: readonly string[],
): Promise<PreparedEnvironment> {
  for (const name of ['bin', 'lib', 'lib64', 'pyvenv.cfg', 'share', 'include', 'etc']) {
    await rm(join(path, name), { recursive: true, force: true });
  }
  const requirements = join(path, 'requirements.txt');
  await mkdir(path, { recursive: true });
  await writeFile(requirements, `${plan.requirements.join('\n')}\n`);
  // Relocatable: inside the cage the environment has another path, and scripts name their interpreter.
  await uv(edge, plan, ['venv', '--quiet', '--relocatable', '--allow-existing', '--python', plan.python, path]);
  const python = join(path, 'bin', 'python');
  // Wheels only: a source package would run its own code here. Bytecode now, since the cage may not write it later.
  const install = [
    'pip',
    'install',
    '--python',
    python,
    '--only-binary',
    ':all:',
    '--compile-bytecode',
    ...options,
    '--index-url',
    edge.packageIndex,
    '--requirements',
    requirements,
  ];
  if (plan.requirements.length > 0) await uv(edge, plan, install);
  const frozen = await uv(edge, plan, ['pip', 'freeze', '--python', python]);
  const packages = frozen.split('\n').filter(Boolean).sort();
  const prepared = {
    digest: plan.digest,
    lock: sha256(`python ${plan.python}\n${packages.join('\n')}\n`),
    python: plan.python,
    packages,
    cached: false,
  };
  const marker = join(path, 'ready.json');
  await writeWhole(marker, JSON.stringify(prepared));
  return prepared;
}

async function uv(edge: EdgeDependencies, plan: EnvironmentPlan, args: string[]): Promise<string> {
  try {
    const { stdout } = await run(edge.uv, args, { env: uvEnvironment(edge), maxBuffer: 64 * 2 ** 20 });
    return stdout;
  } catch (error) {
    throw uvFailure(plan, String((error as { stderr?: unknown }).stderr ?? (error as Error).message));
  }
}

/** The machine's own certificates decide; nothing but the site's index is asked, and through the uplink only. */
function uvEnvironment(edge: EdgeDependencies): NodeJS.ProcessEnv {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: edge.home,
    LANG: 'C.UTF-8',
    UV_CACHE_DIR: join(edge.home, 'cache', 'uv'),
    UV_NO_CONFIG: '1',
    UV_PYTHON_DOWNLOADS: 'never',
    UV_SYSTEM_CERTS: '1',
    UV_NATIVE_TLS: '1',
    UV_LINK_MODE: 'copy',
    UV_HTTP_TIMEOUT: '120',
    SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt',
    HTTPS_PROXY: edge.uplink,
    HTTP_PROXY: edge.uplink,
  };
}

/** uv's last lines tell an environment that cannot be from an index that cannot be reached now. */
function uvFailure(plan: EnvironmentPlan, stderr: string): ServiceError {
  const told = redact(stderr.trim().split('\n').slice(-6).join(' ').replace(/\s+/g, ' ')).slice(0, 500);
  if (/No interpreter found|No virtual environment or system Python/i.test(stderr)) {
    return new ServiceError({
      class: 'input',
      type: 'PythonNotOffered',
      cause: `The VM has no Python ${plan.python} for the environment ${plan.name}: ${told}`,
      nextStep: 'Ask for a Python version that the site’s VM image has, such as 3.11.',
      retryable: false,
    });
  }
  const unsolvable =
    /No solution found|was not found in the package registry|no matching distribution|has no usable wheels|building source distributions is disabled/i;
  if (unsolvable.test(stderr)) {
    return new ServiceError({
      class: 'input',
      type: 'EnvironmentUnsolvable',
      cause: `The environment ${plan.name} cannot be made from the site’s package index: ${told}`,
      nextStep: 'Change the requirements; only wheels are installed.',
      retryable: false,
    });
  }
  return new ServiceError({
    class: 'network',
    type: 'PackageIndexUnreachable',
    cause: `The environment ${plan.name} could not be made: ${told}`,
    nextStep: 'Check site.yml: packageIndex and the uplink’s allow-list; it is tried again.',
    retryable: true,
  });
}

async function beating<T>(work: Promise<T>): Promise<T> {
  const beat = setInterval(() => heartbeat(), 2000);
  try {
    return await Promise.race([work, rejectOnCancel()]);
  } finally {
    clearInterval(beat);
  }
}

function rejectOnCancel(): Promise<never> {
  const signal = cancellationSignal();
  return new Promise((_, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
