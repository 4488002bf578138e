import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Docker } from './docker.ts';
import { statePaths, type SandboxState } from './state.ts';
import { serverPaths } from './server/config.ts';
import type { Program } from './supervisor/program.ts';
import type { Tools } from './tools.ts';
import type { UplinkConfig } from './uplink/main.ts';
import { writeWhole } from './write-whole.ts';

/**
 * The programs that the supervisor keeps alive, in the order of their start (they end in reverse), with their
 * configuration written. Settings of Temporal: one shard's transfer queue is polled 20 times a second by default, which
 * costs each step up to 50 ms; the journal as WAL with synchronous=NORMAL survives the process's death.
 */
export function configurePrograms(
  directory: string,
  state: SandboxState,
  tools: Tools,
  on: Docker,
  gateway: string,
): Program[] {
  return [
    uplink(directory, state, gateway),
    dockerRegistry(directory, state, tools),
    azurite(directory, state),
    temporal(directory, state, tools),
    server(directory, on),
  ];
}

function uplink(directory: string, { ports, allow, packageIndex }: SandboxState, gateway: string): Program {
  const config: UplinkConfig = {
    address: gateway,
    port: ports.uplink,
    controlPort: ports.uplinkControl,
    accessLog: statePaths(directory).accessLog,
    allow: [...ownTargets(ports), ...(packageIndex?.hosts ?? []), ...allow],
  };
  writeWhole(statePaths(directory).uplinkConfig, JSON.stringify(config, null, 2));
  return nodeProgram('uplink', [join(import.meta.dirname, 'uplink', 'main.ts'), statePaths(directory).uplinkConfig]);
}

/** Temporal, the release account, the registry. */
export const ownTargets = (ports: SandboxState['ports']): string[] =>
  [ports.temporal, ports.release, ports.registry].map((port) => `127.0.0.1:${port}`);

function dockerRegistry(directory: string, { ports }: SandboxState, { dockerRegistry: file }: Tools): Program {
  const folder = statePaths(directory).registry;
  const config = {
    version: 0.1,
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${ports.dockerRegistry}`, relativeurls: true },
  };
  writeWhole(join(folder, 'config.yml'), JSON.stringify(config)); // JSON is YAML
  return {
    name: 'docker-registry',
    file,
    args: ['serve', join(folder, 'config.yml')],
    env: environment(),
    grace: 10_000,
  };
}

function azurite(directory: string, { ports, accounts }: SandboxState): Program {
  const folder = statePaths(directory).azurite;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const where = ['--blobHost', '127.0.0.1', '--blobPort', String(ports.azurite), '--location', folder];
  const program = nodeProgram('azurite', [
    join(import.meta.dirname, 'blob', 'azurite.ts'),
    ...where,
    ...['--cert', join(serverPaths(directory).own, 'tls.pem'), '--key', join(serverPaths(directory).own, 'tls.key')],
    '--disableTelemetry',
    '--skipApiVersionCheck',
    '--silent',
  ]);
  const keys = [accounts.site, accounts.release].map(({ name, key }) => `${name}:${key}`).join(';');
  return { ...program, env: { ...program.env, AZURITE_ACCOUNTS: keys }, grace: 15_000 };
}

function temporal(directory: string, state: SandboxState, { temporal: file }: Tools): Program {
  const folder = statePaths(directory).temporal;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { ports } = state;
  const values = ['transfer', 'timer', 'visibility'].map((queue) => `history.${queue}ProcessorMaxPollRPS=2000`);
  const args = [
    ...[
      'server',
      'start-dev',
      '--ip',
      '127.0.0.1',
      '--port',
      String(ports.temporal),
      '--ui-port',
      String(ports.temporalUi),
    ],
    ...['--db-filename', join(folder, 'temporal.db'), '--log-level', 'warn', '--ui-disable-news-fetch'],
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
    ...values.flatMap((value) => ['--dynamic-config-value', value]),
    ...['--namespace', state.temporal.namespace],
    ...state.temporal.searchAttributes.flatMap((attribute) => ['--search-attribute', attribute]),
  ];
  // A small heap: a sixth less lies idle.
  return { name: 'temporal', file, args, env: { ...environment(), GOGC: '40' }, grace: 20_000 };
}

function server(directory: string, on: Docker): Program {
  const program = nodeProgram('server', [join(import.meta.dirname, 'server', 'main.ts'), '--state', directory]);
  return { ...program, env: { ...program.env, ...(on.host ? { DOCKER_HOST: on.host } : {}) } };
}

function nodeProgram(name: string, args: string[]): Program {
  return { name, file: process.execPath, args, env: environment(), grace: 10_000 };
}

/** Programs get what they need of the caller's environment; a user's credentials in it are none of theirs. */
function environment(): Record<string, string> {
  const names = [
    'PATH',
    'HOME',
    'LANG',
    'TZ',
    'TMPDIR',
    'DOCKER_HOST',
    'DOCKER_CONTEXT',
    'DOCKER_CONFIG',
    'DOCKER_CERT_PATH',
  ];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
