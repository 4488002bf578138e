import { runProgram, type ProgramOptions, type ProgramResult } from './run-program.ts';

/** Which daemon: undefined is what the docker command itself would use (DOCKER_HOST, context, default socket). */
export interface Docker {
  host?: string;
}

/** A docker command that failed. `absent` when what it named is not there. */
export class DockerError extends Error {
  readonly absent: boolean;

  constructor(args: string[], result: ProgramResult) {
    const reason = result.stderr.trim() || result.stdout.trim() || `exit code ${result.exitCode}`;
    super(`docker ${args.slice(0, 2).join(' ')} failed: ${reason}`);
    this.name = 'DockerError';
    this.absent = /no such (container|image|object|network)|network \S+ not found/i.test(reason);
  }
}

/** Runs the docker command; returns its standard output, trimmed. Throws DockerError on a non-zero exit. */
export async function docker(on: Docker, args: string[], options: ProgramOptions = {}): Promise<string> {
  const result = await dockerResult(on, args, options);
  if (result.exitCode !== 0) throw new DockerError(args, result);
  return result.stdout.trim();
}

/** The same for commands whose exit code is an answer (`docker exec`). */
export function dockerResult(on: Docker, args: string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  return runProgram('docker', args, { ...options, env: dockerEnvironment(on) });
}

/** `docker … inspect` as JSON, or undefined when what it names is absent. */
export async function inspect<T>(
  on: Docker,
  kind: 'container' | 'network' | 'image',
  name: string,
): Promise<T | undefined> {
  try {
    return (JSON.parse(await docker(on, [kind, 'inspect', name])) as T[])[0];
  } catch (error) {
    if (error instanceof DockerError && error.absent) return undefined;
    throw error;
  }
}

/** Every object that a sandbox makes carries its state directory, so that reset finds what a killed run left. */
export function stateLabel(directory: string): string {
  return `edge-train.state=${directory}`;
}

function dockerEnvironment(on: Docker): NodeJS.ProcessEnv {
  return on.host ? { ...process.env, DOCKER_HOST: on.host, DOCKER_CONTEXT: undefined } : process.env;
}
