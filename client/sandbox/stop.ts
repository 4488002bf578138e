import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openDocker } from '../demo/docker.ts';
import { removeServing } from '../demo/serve.ts';
import { sandboxProgram } from './sandbox-program.ts';
import type { StatePaths } from './state-paths.ts';
import { sandboxStatus } from './status.ts';
import { stopWorker } from './worker-process.ts';

/** Stops the worker, then the sandbox; what they hold stays. What is down already is fine. */
export async function stopSandbox(paths: StatePaths, say: (text: string) => void): Promise<void> {
  if (!existsSync(paths.folder)) return;
  await endServing(paths);
  if (await stopWorker(paths)) say('stopped the worker');
  if (existsSync(paths.sandbox)) await sandboxProgram(['stop', '--state', paths.sandbox], say);
}

/** Stops everything, and removes all that the sandbox and this command made; a file of someone else's stays. */
export async function resetSandbox(paths: StatePaths, say: (text: string) => void): Promise<void> {
  if (!existsSync(paths.folder)) return;
  await endServing(paths);
  if (await stopWorker(paths)) say('stopped the worker');
  if (existsSync(paths.sandbox)) await sandboxProgram(['reset', '--state', paths.sandbox], say);
  const { sandbox, keys, seed, worker, site, cloud, client, temporal, written, lock, docker } = paths;
  const ours = [sandbox, keys, seed, worker.logs, worker.cache, worker.pid];
  for (const path of [...ours, site, cloud, client, temporal, written, lock, docker])
    rmSync(path, { recursive: true, force: true });
  const drafts = readdirSync(paths.folder).filter((name) => /\.\d+\.new$/.test(name)); // of a command that was killed
  for (const name of drafts) rmSync(join(paths.folder, name));
  const left = readdirSync(paths.folder);
  if (left.length > 0) say(`${paths.folder} stays: ${left.slice(0, 5).join(', ')} in it is not the sandbox’s`);
  else rmdirSync(paths.folder);
}

/** The demo's container, which outlives a demo that was killed. Where no Docker answers, none runs. */
async function endServing(paths: StatePaths): Promise<void> {
  const info = await sandboxStatus(paths).then(
    (status) => status.info,
    () => undefined, // its state cannot be read: a reset is what helps then
  );
  if (!info) return;
  await using docker = openDocker(info.docker.host, paths.docker);
  await removeServing(docker, paths.folder).catch(() => undefined);
}
