import { spawn } from 'node:child_process';
import { ServiceError } from './errors.ts';

/** `uv`, by which Python packages are resolved and laid out without running any of them. */
export interface PackageTool {
  /** Path of the uv binary. */
  readonly path: string;
  /** A simple-index URL (PEP 503). */
  readonly index: string;
  readonly cacheDir: string;
  /** What uv may see of the worker's environment: proxies and certificate files, nothing secret. */
  readonly environment: Readonly<Record<string, string>>;
  readonly abortSignal?: AbortSignal;
  readonly progress?: () => void;
}

/** For whom packages are chosen: `3.11` and `x86_64-manylinux_2_28`, for instance. */
export interface PythonPlatform {
  readonly python: string;
  readonly platform: string;
}

/**
 * Resolves requirements to one exact version each, with the hash of every file: the lock. `constraints` (`name==version`)
 * bind only what is chosen anyhow. @throws ServiceError `EnvironmentUnsolvable` (input) where nothing fits
 */
export async function lockRequirements(
  tool: PackageTool,
  { requirements, constraints, target }: { requirements: string; constraints: string; target: PythonPlatform },
  directory: { write(name: string, content: string): Promise<string> },
): Promise<string> {
  const input = await directory.write('requirements.in', requirements);
  const bounds = await directory.write('constraints.txt', constraints);
  const { stdout } = await runUv(tool, [
    ...['pip', 'compile', input, '--constraints', bounds],
    ...[...common(tool, target), '--generate-hashes', '--no-header', '--no-annotate', '--no-emit-index-url'],
  ]);
  return stdout;
}

/** Lays a lock's wheels out in a folder; the content depends on the lock alone. Every file is checked against its hash. */
export async function installLock(
  tool: PackageTool,
  { lockFile, folder, target }: { lockFile: string; folder: string; target: PythonPlatform },
): Promise<void> {
  await runUv(tool, [
    ...['pip', 'install', '--target', folder, '--requirements', lockFile],
    ...[...common(tool, target), '--require-hashes', '--no-deps', '--no-compile-bytecode', '--link-mode', 'copy'],
  ]);
}

function common({ index }: PackageTool, { python, platform }: PythonPlatform): string[] {
  return [
    ...['--python-version', python, '--python-platform', platform, '--only-binary', ':all:'],
    ...['--default-index', index, '--quiet', '--no-progress', '--no-config'],
  ];
}

async function runUv(tool: PackageTool, args: readonly string[]): Promise<{ stdout: string }> {
  const { status, stdout, stderr } = await run(tool, args);
  if (status === 0) return { stdout };
  throw failure(stderr);
}

/** No shell; the environment is the one that was given. Ends with the caller's signal. */
function run(
  tool: PackageTool,
  args: readonly string[],
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool.path, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...tool.environment, UV_CACHE_DIR: tool.cacheDir, UV_NO_CONFIG: '1', LC_ALL: 'C.UTF-8' },
      ...(tool.abortSignal ? { signal: tool.abortSignal } : {}),
    });
    const ticking = setInterval(() => tool.progress?.(), 1000);
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', (error) => {
      clearInterval(ticking);
      reject(tool.abortSignal?.aborted ? error : toolMissing(tool.path, error));
    });
    child.on('close', (status) => {
      clearInterval(ticking);
      resolve({ status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
  });
}

/** uv explains in prose; which kind of trouble it is decides whether trying again can help. */
function failure(stderr: string): ServiceError {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const said = lines.join(' ').slice(0, 1200);
  const unsolvable =
    /No solution found|not found in the package registry|no matching|unsatisfiable|Couldn't parse/i.test(said);
  return new ServiceError({
    class: unsolvable ? 'input' : 'network',
    type: unsolvable ? 'EnvironmentUnsolvable' : 'PackageIndexFailed',
    cause: `The image’s Python packages could not be ${unsolvable ? 'chosen' : 'fetched'}: ${said}`,
    nextStep: unsolvable
      ? 'Correct the model’s pip requirements (pip_requirements where the script saves the model), or the package index in cloud.yml.'
      : 'Check registry.packageIndex in cloud.yml and the way to it; it is tried again.',
    retryable: !unsolvable,
  });
}

function toolMissing(path: string, error: Error): ServiceError {
  return new ServiceError({
    class: 'host',
    type: 'ToolMissing',
    cause: `uv cannot be started from ${path}: ${error.message}`,
    nextStep: 'Run the set-up again on the worker’s machine (npm start does), or set the path of uv.',
    retryable: false,
  });
}
