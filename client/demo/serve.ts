import { createHash } from 'node:crypto';
import type { ContainerImage } from '../../domain/model-version.ts';
import { failed } from '../command-error.ts';
import { holdsWithin } from '../holds-within.ts';
import type { Docker } from './docker.ts';
import { imageReference } from './pull-image.ts';

const LABEL = 'dev.edge-train.demo';
/** Where the image listens (`azureml-inference-server-http`), and where a person publishes it. */
export const PORT = 5001;
const PATIENCE_MS = 120_000;

/** A model server needs nothing of the machine: no privilege, no writable disk, a bounded share of memory and processes. */
const HARDENED = [
  ...['--read-only', '--tmpfs', '/tmp:rw,noexec,nosuid,size=64m'],
  ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
  ...['--user', '65532:65532', '--pids-limit', '256', '--memory', '2g'],
];

/** Runs the image on a loopback port, instead of one that a killed demo left, and waits until it answers. Returns its base URL. */
export async function serve(
  docker: Docker,
  image: ContainerImage,
  folder: string,
  signal: AbortSignal,
): Promise<string> {
  await removeServing(docker, folder);
  const labels = ['--label', `${LABEL}=${folder}`, '--name', containerName(folder)];
  const published = ['--publish', `127.0.0.1::${PORT}`];
  await docker.run(['run', '--detach', ...labels, ...published, ...HARDENED, imageReference(image)]);
  const bound = await docker.run(['port', containerName(folder), `${PORT}/tcp`]);
  const address = `http://${bound.split('\n')[0]}`;
  const serves = async () => {
    if (await answers(address)) return true;
    const state = ['inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', containerName(folder)];
    const stands = await docker.run(state);
    if (stands.startsWith('running')) return false;
    throw notServing(`the container ended (${stands})`, await lastWords(docker, folder));
  };
  if (await holdsWithin(PATIENCE_MS, serves, signal)) return address;
  throw notServing(`no answer within ${PATIENCE_MS / 1000} s`, await lastWords(docker, folder));
}

/** Removes what this demo runs, or a killed one left. */
export async function removeServing(docker: Docker, folder: string): Promise<void> {
  const all = await docker.run(['ps', '--all', '--quiet', '--filter', `label=${LABEL}=${folder}`]);
  const ids = all.split('\n').filter((id) => id !== '');
  if (ids.length > 0) await docker.run(['rm', '--force', '--volumes', ...ids]);
}

/** The line that a person runs. */
export function servingCommand(host: string | undefined, image: ContainerImage): string {
  const where = host === undefined ? '' : `DOCKER_HOST=${host} `;
  return `${where}docker run --rm ${HARDENED.join(' ')} --publish 127.0.0.1:${PORT}:${PORT} ${imageReference(image)}`;
}

function containerName(folder: string): string {
  return `edge-train-demo-${createHash('sha256').update(folder).digest('hex').slice(0, 10)}`;
}

async function answers(address: string): Promise<boolean> {
  try {
    const response = await fetch(`${address}/`, { signal: AbortSignal.timeout(5_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

async function lastWords(docker: Docker, folder: string): Promise<string> {
  const log = await docker.run(['logs', '--tail', '20', containerName(folder)]).catch(() => '');
  return (
    log
      .split('\n')
      .filter((line) => line.trim() !== '')
      .at(-1) ?? ''
  );
}

function notServing(why: string, said: string) {
  return failed({
    class: 'host',
    type: 'ImageDoesNotServe',
    cause: `The image that was built does not serve: ${why}${said ? `; it said: ${said}` : ''}`,
    nextStep: 'Run the image by hand and read what it says: npm start -- --keep prints the line.',
  });
}
