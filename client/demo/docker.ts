import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { failed } from '../command-error.ts';

/** The Docker client with a configuration folder of its own, which goes with it. */
export interface Docker extends AsyncDisposable {
  /** @throws CommandError exit 1, with the last line that docker said */
  run(args: readonly string[], input?: string): Promise<string>;
}

/** The folder is made by a login. Where this process is killed, the next to use it removes what is there. */
export function openDocker(host: string | undefined, config: string, signal?: AbortSignal): Docker {
  rmSync(config, { recursive: true, force: true });
  const env = { ...process.env, DOCKER_CONFIG: config, ...(host === undefined ? {} : { DOCKER_HOST: host }) };
  return {
    run: (args, input) => runDocker(args, env, input, signal),
    async [Symbol.asyncDispose]() {
      rmSync(config, { recursive: true, force: true });
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
