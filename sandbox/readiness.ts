import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { runProgram } from './run-program.ts';
import { statePaths, type SandboxState } from './state.ts';
import type { SupervisorStatus } from './supervisor/program.ts';
import type { Tools } from './tools.ts';
import { FatalError, waitUntil } from './wait-until.ts';

const deadline = 90_000;

/** Returns when every program answers as it should; a program that keeps on ending is told with the end of its log. */
export async function waitForPrograms(
  directory: string,
  state: SandboxState,
  tools: Tools,
  gateway: string,
  say: (text: string) => void,
): Promise<void> {
  const { ports } = state;
  const begun = Date.now();
  const wait = async (name: string, probe: () => Promise<boolean>) => {
    await waitUntil(`${name} (log: ${logFile(directory, name)})`, deadline, async () => {
      refuseCrashing(directory, name);
      return await probe();
    });
    say(`${name} answers (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
  };
  const http = (name: string, url: string, accept: (status: number) => boolean) =>
    wait(name, async () => accept((await fetch(url, { signal: AbortSignal.timeout(5_000) })).status));
  await Promise.all([
    http('uplink', `http://127.0.0.1:${ports.uplinkControl}/uplink`, (status) => status === 200),
    http('docker-registry', `http://127.0.0.1:${ports.dockerRegistry}/v2/`, (status) => status === 200),
    wait('azurite', () => listens('127.0.0.1', ports.azurite)),
    wait('temporal', async () => {
      const ui = await fetch(`http://127.0.0.1:${ports.temporalUi}/api/v1/settings`, {
        signal: AbortSignal.timeout(5_000),
      });
      return ui.status === 200 && (await namespaceAnswers(state, tools));
    }),
    wait('server', async () => {
      const cloud = [ports.stackHub, ports.azure, ports.registry, ports.release, ports.admin];
      const answers = await Promise.all([
        ...cloud.map((port) => listens('127.0.0.1', port)),
        listens(gateway, ports.siteBlob),
      ]);
      return answers.every(Boolean);
    }),
  ]);
}

export function readSupervisorStatus(directory: string): SupervisorStatus | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, 'supervisor.json'), 'utf8')) as SupervisorStatus;
  } catch {
    return undefined;
  }
}

async function namespaceAnswers(state: SandboxState, tools: Tools): Promise<boolean> {
  const where = ['--address', `127.0.0.1:${state.ports.temporal}`, '--namespace', state.temporal.namespace];
  const env = { PATH: process.env.PATH, HOME: process.env.HOME }; // none of the caller's TEMPORAL_* settings
  return (
    (await runProgram(tools.temporal, ['operator', 'namespace', 'describe', ...where], { env, deadline: 10_000 }))
      .exitCode === 0
  );
}

function refuseCrashing(directory: string, name: string): void {
  const status = readSupervisorStatus(directory)?.programs[name];
  if ((status?.restarts ?? 0) < 5) return;
  throw new FatalError(
    `${name} ended ${status?.restarts} times (${status?.lastExit}). ${logFile(directory, name)} ends with:\n${lastLines(directory, name)}`,
  );
}

function lastLines(directory: string, name: string): string {
  try {
    return readFileSync(logFile(directory, name), 'utf8').trimEnd().split('\n').slice(-12).join('\n');
  } catch {
    return '(no log)';
  }
}

function logFile(directory: string, name: string): string {
  return join(statePaths(directory).logs, `${name}.log`);
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port }, () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
