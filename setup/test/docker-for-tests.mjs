import path from 'node:path';
import { daemonAnswers } from '../docker.mjs';
import { startDaemon } from '../docker-daemon.mjs';

/**
 * The Docker daemon of a test run: the one that answers, or a running demo's, else one of our own for the whole run (it
 * takes seconds to start, too long for each file; and two would undo each other's firewall rules). Children learn of it
 * by DOCKER_HOST.
 * @param {string} tools
 * @returns {Promise<{ stop: () => Promise<void> }>}
 */
export async function dockerForTests(tools) {
  if (await daemonAnswers()) return { stop: async () => {} };
  const demo = `unix://${path.join(tools, 'docker', 'docker.sock')}`;
  const running = await daemonAnswers({ ...process.env, DOCKER_HOST: demo });
  if (!running) console.log('  no Docker daemon answers: starting one for this run');
  const daemon = running ? { host: demo, stop: async () => {} } : await startDaemon(path.join(tools, 'test-docker'));
  process.env.DOCKER_HOST = daemon.host;
  return daemon;
}
