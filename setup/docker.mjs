import { run } from './process.mjs';
import { onPath } from './system-packages.mjs';

/**
 * What is missing for Docker. An existing daemon is used as it is; otherwise dockerd must be there for the sandbox to
 * start. A client says nothing about a daemon, so it is the daemon that is asked.
 * @returns {Promise<import('./system-packages.mjs').SystemProgram[]>}
 */
export async function missingDocker() {
  if (onPath('docker') && (onPath('dockerd') || (await daemonAnswers()))) return [];
  return [{ program: 'dockerd', packages: ['docker.io'], why: 'containers: the sandbox’s VMs and the model servers' }];
}

/**
 * Whether a Docker daemon answers, where DOCKER_HOST says or at the default socket.
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function daemonAnswers(env = process.env) {
  return run('docker', ['version', '--format', '{{.Server.Version}}'], { env }).then(
    (version) => version.trim() !== '',
    () => false,
  );
}
