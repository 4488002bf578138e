import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PreparedEnvironment } from '../../domain/completed-job.ts';
import type { EnvironmentPlan } from '../../domain/environment.ts';
import { redact, ServiceError } from '../../services/errors.ts';
import { sha256 } from '../../services/signing.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { LOCK } from './job-place.ts';
import { pythonNotOffered } from './python-offer.ts';
import { writeWhole } from './write-whole.ts';

const run = promisify(execFile);

/** What is to be made. `lock`: each wheel by its hash, where that is known beforehand. */
export type Build = EnvironmentPlan & { readonly lock?: string };

/**
 * Makes a Python environment from the site's package index: first the lock, which names each wheel by its hash, then what it
 * names and nothing else. The marker `ready.json` is written last: an environment without it is made anew.
 */
export async function buildEnvironment(
  edge: EdgeDependencies,
  plan: Build,
  path: string,
): Promise<PreparedEnvironment> {
  for (const name of ['ready.json', LOCK, 'bin', 'lib', 'lib64', 'pyvenv.cfg', 'share', 'include', 'etc']) {
    await rm(join(path, name), { recursive: true, force: true });
  }
  const requirements = join(path, 'requirements.txt');
  await mkdir(path, { recursive: true });
  await writeFile(requirements, `${plan.requirements.join('\n')}\n`);
  // Relocatable: inside the cage the environment has another path, and scripts name their interpreter.
  await uv(edge, plan, ['venv', '--quiet', '--relocatable', '--allow-existing', '--python', plan.python ?? '3', path]);
  const python = join(path, 'bin', 'python');
  const lock = join(path, LOCK);
  // Wheels only: a source package would run its own code here.
  const from = ['--python', python, '--only-binary', ':all:', '--index-url', edge.packageIndex];
  const plainly = ['--generate-hashes', '--no-header', '--no-annotate', '--quiet'];
  await writeFile(lock, plan.lock ?? '');
  if (plan.lock === undefined && plan.requirements.length > 0)
    await uv(edge, plan, ['pip', 'compile', ...from, ...plainly, '--output-file', lock, requirements]);
  // Bytecode now, since the cage may not write it later. What a lock does not name is not installed, whoever wants it.
  const exactly = ['--compile-bytecode', '--require-hashes', '--no-deps', '--requirements', lock];
  if (plan.lock !== undefined || plan.requirements.length > 0)
    await uv(edge, plan, ['pip', 'install', ...from, ...exactly]);
  const locked = `# Python ${plan.python}\n${await readFile(lock, 'utf8')}`;
  await writeWhole(lock, locked);
  const frozen = await uv(edge, plan, ['pip', 'freeze', '--python', python]);
  const packages = frozen.split('\n').filter(Boolean).sort();
  const prepared = {
    digest: plan.digest,
    lock: sha256(locked),
    python: plan.python,
    packages,
    cached: false,
  };
  const marker = join(path, 'ready.json');
  await writeWhole(marker, JSON.stringify(prepared));
  return prepared;
}

/** The environment where it is there whole, with its lock. */
export async function readyEnvironment(path: string): Promise<PreparedEnvironment | undefined> {
  try {
    const ready = PreparedEnvironment.parse(JSON.parse(await readFile(join(path, 'ready.json'), 'utf8')));
    return sha256(await readFile(join(path, LOCK), 'utf8')) === ready.lock ? ready : undefined;
  } catch {
    return undefined;
  }
}

async function uv(edge: EdgeDependencies, plan: EnvironmentPlan, args: string[]): Promise<string> {
  try {
    const { stdout } = await run(edge.uv, args, { env: uvEnvironment(edge), maxBuffer: 64 * 2 ** 20 });
    return stdout;
  } catch (error) {
    const stderr = String((error as { stderr?: unknown }).stderr ?? (error as Error).message);
    if (/No interpreter found|No virtual environment or system Python/i.test(stderr)) {
      const { stdout } = await run(edge.uv, ['python', 'list', '--only-installed'], { env: uvEnvironment(edge) });
      throw pythonNotOffered(plan, stdout);
    }
    throw uvFailure(plan, stderr);
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
