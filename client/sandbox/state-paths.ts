import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** The clone's root. */
export const ROOT = join(import.meta.dirname, '..', '..');

export type StatePaths = ReturnType<typeof statePaths>;

/** Where things of the demo are: all in one folder, so that removing it leaves nothing. */
export function statePaths(given: string | undefined) {
  const folder = trueName(resolve(given ?? join(ROOT, '.edge-train')));
  return {
    folder,
    sandbox: join(folder, 'sandbox'),
    keys: join(folder, 'keys'),
    seed: join(folder, 'seed'),
    written: join(folder, 'written.json'),
    worker: {
      pid: join(folder, 'worker.json'),
      log: join(folder, 'logs', 'worker.log'),
      logs: join(folder, 'logs'),
      /** What a worker makes and may lose: caches, the bundle. */
      cache: join(folder, 'cache'),
    },
    site: join(folder, 'site.yml'),
    cloud: join(folder, 'cloud.yml'),
    client: join(folder, 'client.yml'),
    temporal: join(folder, 'temporal.toml'),
    lock: join(folder, 'lock'),
    /** Docker's configuration while the demo pulls: a login leaves nothing in the user's. */
    docker: join(folder, 'docker'),
  };
}

/** What a command needs to be told to work in this folder: nothing when it is the clone's own. */
export function stateOption({ folder }: StatePaths): string {
  return folder === statePaths(undefined).folder ? '' : ` --state ${folder}`;
}

/** Processes are found again by this path on their command lines, so it must always be the same one. */
function trueName(folder: string): string {
  if (existsSync(folder)) return realpathSync(folder);
  const parent = dirname(folder);
  return parent === folder ? folder : join(trueName(parent), folder.slice(parent.length).replace(/^\//, ''));
}
