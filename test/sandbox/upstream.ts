import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../support/until.ts';
import { freePort } from './fixture.ts';

/** A program behind a front, on a free loopback port, with its own folder. */
export interface Upstream extends AsyncDisposable {
  url: string;
  directory: string;
}

export async function startDockerRegistry(): Promise<Upstream> {
  const [directory, port] = [await mkdtemp(join(tmpdir(), 'edge-train-registry-')), await freePort()];
  const settings = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, relativeurls: true },
  };
  await writeFile(join(directory, 'config.yml'), JSON.stringify(settings)); // JSON is YAML
  return started(
    directory,
    `http://127.0.0.1:${port}`,
    'docker-registry',
    ['serve', join(directory, 'config.yml')],
    {},
  );
}

export async function startAzurite(accounts: { name: string; key: string }[]): Promise<Upstream> {
  const [directory, port] = [await mkdtemp(join(tmpdir(), 'edge-train-azurite-')), await freePort()];
  const main = join(import.meta.dirname, '../../node_modules/azurite/dist/src/blob/main.js');
  const args = [
    main,
    '--silent',
    '--blobHost',
    '127.0.0.1',
    '--blobPort',
    String(port),
    '--location',
    directory,
    '--skipApiVersionCheck',
    '--disableTelemetry',
  ];
  const environment = { AZURITE_ACCOUNTS: accounts.map(({ name, key }) => `${name}:${key}`).join(';') };
  return started(directory, `http://127.0.0.1:${port}`, process.execPath, args, environment);
}

async function started(
  directory: string,
  url: string,
  program: string,
  args: string[],
  environment: Record<string, string>,
): Promise<Upstream> {
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...environment } });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  const answers = () =>
    fetch(url).then(
      () => true,
      () => false,
    );
  await until(
    `${program} answers`,
    () => {
      if (child.exitCode !== null) throw new Error(`${program} ended at once`);
      return answers();
    },
    20,
  );
  return {
    ...{ url, directory },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
