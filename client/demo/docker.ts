import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failed } from '../command-error.ts';

/** The Docker client with a configuration folder of its own: a login leaves nothing in the user's. */
export interface Docker extends AsyncDisposable {
  /** @throws CommandError exit 1, with the last line that docker said */
  run(args: readonly string[], input?: string): Promise<string>;
}

export function openDocker(host: string | undefined, signal?: AbortSignal): Docker {
  const config = mkdtempSync(join(tmpdir(), 'edge-train-docker-'));
  const remove = () => rmSync(config, { recursive: true, force: true });
  process.once('exit', remove);
  const env = { ...process.env, DOCKER_CONFIG: config, ...(host === undefined ? {} : { DOCKER_HOST: host }) };
  return {
    run: (args, input) => runDocker(args, env, input, signal),
    async [Symbol.asyncDispose]() {
      process.off('exit', remove);
      remove();
    },
  };
}

/** In a process group of its own: Ctrl-C is ours to act on. */
async function runDocker(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input: string | undefined,
  signal: AbortSignal | undefined,
): Promise<string> {
  const child = spawn('docker', args, { env, detached: true, ...(signal ? { signal } : {}) });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => undefined); // it may end without reading
  child.stdin.end(input ?? '');
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (exitCode === 0) return Buffer.concat(out).toString('utf8').trim();
  const said = Buffer.concat(err).toString('utf8').trim().split('\n').at(-1);
  throw failed({
    class: 'host',
    type: 'DockerFailed',
    cause: `docker ${args[0]} failed: ${said || `exit code ${exitCode}`}`,
    nextStep: 'Check `docker info`, and run the command again.',
  });
}
