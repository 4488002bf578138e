import { daemonAnswers } from '../docker.mjs';
import { startDaemon } from '../docker-daemon.mjs';

/**
 * The Docker daemon of a test run: the one that answers, else one of our own for the whole run, named to all that the
 * run starts by DOCKER_HOST (a daemon takes seconds to start, too long for each file).
 * @param {string} folder where our own daemon keeps everything
 * @returns {Promise<{ stop: () => Promise<void> }>}
 */
export async function dockerForTests(folder) {
  if (await daemonAnswers()) return { stop: async () => {} };
  console.log('  no Docker daemon answers: starting one for this run');
  const daemon = await startDaemon(folder);
  process.env.DOCKER_HOST = daemon.host;
  return daemon;
}
