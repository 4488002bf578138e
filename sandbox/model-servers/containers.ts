import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { docker, dockerResult, inspect, stateLabel, type Docker } from '../docker.ts';
import { clip, type MachinesConfig } from '../machines/config.ts';
import type { ServerConfig } from '../server/config.ts';
import type { ModelServers, ModelServerSpec } from './contract.ts';

interface Inspected {
  State: { Running: boolean; Restarting: boolean };
  NetworkSettings: { Ports: Record<string, { HostIp: string; HostPort: string }[] | null> };
}

/** A model server needs no privilege; one that ends is started again, as Azure ML does. */
const TERMS = [
  ...['--restart', 'unless-stopped', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
  ...['--pids-limit', '512', '--log-driver', 'json-file', '--log-opt', 'max-size=1m'],
];

/** Model servers as containers on the sandbox's Docker daemon, each published on a loopback port. */
export function createModelServers({ machines, pullToken, ports, bindCloud }: ServerConfig): ModelServers {
  const { stateDirectory, stateId, docker: on } = machines as MachinesConfig;
  const containerOf = (name: string) => `edge-train-${stateId}-server-${name}`;
  const find = (name: string) => inspect<Inspected>(on, 'container', containerOf(name));
  const resume = async (name: string) => {
    const found = await find(name);
    if (found && !found.State.Running && !found.State.Restarting) await docker(on, ['start', containerOf(name)]);
  };
  return {
    run: async (spec) => {
      if (await find(spec.name)) return resume(spec.name);
      await pull(on, join(stateDirectory, 'docker-login'), `${bindCloud}:${ports.registry}`, pullToken, spec.image);
      const labels = ['--label', stateLabel(stateDirectory), '--label', `edge-train.model-server=${spec.name}`];
      await docker(on, ['run', '--detach', '--name', containerOf(spec.name), ...labels, ...TERMS, ...limits(spec)]);
    },
    address: async (name, port) => {
      const found = await find(name);
      const bound = found?.State.Running ? found.NetworkSettings.Ports[`${port}/tcp`]?.[0] : undefined;
      return bound && `http://${bound.HostIp}:${bound.HostPort}`;
    },
    resume,
    remove: async (name) => {
      if (await find(name)) await docker(on, ['rm', '--force', '--volumes', containerOf(name)]);
    },
  };
}

function limits({ image, port, environment, ...size }: ModelServerSpec): string[] {
  const { memoryMiB, cores } = clip(size);
  return [
    ...['--memory', `${memoryMiB}m`, '--cpus', String(cores), '--publish', `127.0.0.1::${port}`],
    ...Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    image,
  ];
}

/** By the repository token, kept in a folder of the sandbox's own: a user's `docker login` is none of its business. */
async function pull(
  on: Docker,
  folder: string,
  registry: string,
  token: ServerConfig['pullToken'],
  image: string,
): Promise<void> {
  if ((await dockerResult(on, ['image', 'inspect', image])).exitCode === 0) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const login = ['--config', folder, 'login', '--username', token?.name ?? '', '--password-stdin', registry];
  await docker(on, login, { input: token?.password ?? '' });
  await docker(on, ['--config', folder, 'pull', '--quiet', image], { deadline: 600_000 });
}
