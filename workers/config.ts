import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { loadClientConnectConfig, type ConfigDataSource } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { StartError } from './start-error.ts';

export const ROLES = ['cloud', 'site'] as const;
export type Role = (typeof ROLES)[number];

export interface WorkerConfig {
  readonly roles: readonly Role[];
  readonly siteFile: string;
  readonly cloudFile: string;
  /** What a worker makes and may lose: the VM's bundle, `uv`'s cache, the certificates that `uv` is shown. */
  readonly cache: string;
  readonly temporal: { readonly options: NativeConnectionOptions; readonly namespace: string };
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const USAGE =
  'node workers/main.ts --role cloud,site [--config FOLDER] [--site-file FILE] [--cloud-file FILE] [--cache FOLDER]';

/**
 * What a worker is told: by its arguments (paths only, never a secret), and by the environment, which is read here and
 * nowhere else. `--config FOLDER` holds site.yml, cloud.yml and, where it has one, temporal.toml.
 * @throws StartError
 */
export function readConfig(args: readonly string[], environment = process.env): WorkerConfig {
  const given = readArguments(args);
  const folder = path.resolve(given.config ?? environment['EDGE_TRAIN_CONFIG'] ?? '.edge-train');
  const file = (named: string | undefined, usual: string) => (named ? path.resolve(named) : path.join(folder, usual));
  return {
    roles: readRoles(given.role),
    siteFile: file(given['site-file'], 'site.yml'),
    cloudFile: file(given['cloud-file'], 'cloud.yml'),
    cache: file(given.cache, 'cache'),
    temporal: readProfile(folder, environment),
    environment,
  };
}

function readArguments(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: { role: text, config: text, 'site-file': text, 'cloud-file': text, cache: text },
    }).values;
  } catch (error) {
    throw new StartError(`${(error as Error).message.split('\n', 1)[0]}. Usage: ${USAGE}`);
  }
}

function readRoles(given: string | undefined): Role[] {
  const named = [...new Set((given ?? '').split(',').map((role) => role.trim()))];
  const known = ROLES.filter((role) => named.includes(role));
  if (known.length !== named.length) throw new StartError(`--role is ${ROLES.join(' or ')}, or both. Usage: ${USAGE}`);
  return known;
}

/**
 * Temporal's own client profile: TEMPORAL_* first, then the file of TEMPORAL_CONFIG_FILE, else `temporal.toml` in the
 * configuration's folder, else Temporal's default file. The profile is TEMPORAL_PROFILE, else `default`.
 */
function readProfile(folder: string, environment: NodeJS.ProcessEnv): WorkerConfig['temporal'] {
  const beside = path.join(folder, 'temporal.toml');
  const source: { configSource?: ConfigDataSource } =
    environment['TEMPORAL_CONFIG_FILE'] === undefined && existsSync(beside) ? { configSource: { path: beside } } : {};
  const overrideEnvVars = Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ ...source, overrideEnvVars });
    return {
      options: { ...connectionOptions, address: connectionOptions.address ?? '127.0.0.1:7233' },
      namespace: namespace ?? 'default',
    };
  } catch (error) {
    throw new StartError(`The Temporal profile cannot be used: ${(error as Error).message.split('\n', 1)[0]}`);
  }
}
