import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { daemonAnswers } from './docker.mjs';
import { holdsWithin } from './holds-within.mjs';
import { programEnvironment } from './paths.mjs';
import { SetupProblem } from './problem.mjs';
import { endingWithUs } from './process.mjs';
import { unmountBelow } from './unmount.mjs';

const startLimit = 60_000;
const stopLimit = 40_000;
const mostStarts = 5;

/**
 * Starts a Docker daemon that keeps everything in `folder` and ends with this process. One that another test run has
 * there is used, and left as it is.
 * @param {string} folder
 * @returns {Promise<{ host: string, stop: () => Promise<void> }>} `host` is for DOCKER_HOST
 */
export async function startDaemon(folder) {
  const socket = path.join(folder, 'docker.sock');
  const host = `unix://${socket}`;
  if (await daemonAnswers({ ...process.env, DOCKER_HOST: host })) return { host, stop: async () => {} };
  if (process.getuid?.() !== 0) {
    throw new SetupProblem('no Docker daemon answers, and only root can start one. Run: sudo systemctl start docker');
  }
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const { child, ended } = await launched(folder, host);
  return {
    host,
    async stop() {
      child.ref();
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), stopLimit);
      await ended;
      clearTimeout(late);
      unmountBelow(folder); // what a daemon that was killed before this one left
    },
  };
}

/**
 * Daemons that start at the same time change the same chains of iptables, and one of them may end over it: it starts again.
 * @param {string} folder @param {string} host
 */
async function launched(folder, host) {
  for (let tries = 1; ; tries++) {
    await endStale(folder);
    const child = launch(folder, host);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    try {
      await answering(folder, host, child);
      return { child, ended };
    } catch (error) {
      if (tries === mostStarts || !String(error).includes('iptables')) throw error;
      await ended;
    }
  }
}

/** @param {string} folder @param {string} host */
function launch(folder, host) {
  const file = (/** @type {string} */ name) => path.join(folder, name);
  const log = openSync(file('dockerd.log'), 'w', 0o600);
  const [program, args] = endingWithUs('dockerd', [
    ...['--host', host, '--data-root', file('data'), '--exec-root', file('exec')],
    ...['--pidfile', file('dockerd.pid'), '--log-level', 'warn'],
  ]);
  const env = programEnvironment();
  for (const name of ['TMPDIR', 'EDGE_TRAIN_TEST_RUN']) delete env[name]; // it outlives what they mark
  const child = spawn(program, args, { stdio: ['ignore', log, log], env, detached: true });
  child.unref();
  return child;
}

/** @param {string} folder @param {string} host @param {import('node:child_process').ChildProcess} child */
async function answering(folder, host, child) {
  /** @type {Error | undefined} */
  let failure;
  child.once('error', (error) => (failure = error));
  child.once('exit', (code) => (failure ??= new Error(`it ended with ${code}`)));
  const decided = async () => failure !== undefined || (await daemonAnswers({ ...process.env, DOCKER_HOST: host }));
  if (!(await holdsWithin(startLimit, decided))) failure ??= new Error(`it did not answer in ${startLimit / 1000} s`);
  if (!failure) return;
  child.kill('SIGTERM');
  const log = await readFile(path.join(folder, 'dockerd.log'), 'utf8').catch(() => '');
  throw new Error(`dockerd could not be started: ${failure.message}\n${log.trim().slice(-2000)}`);
}

/**
 * A daemon that was killed leaves its pidfile, and dockerd believes it when any process has that pid now; and it leaves
 * its containerd, which lets no other start. Processes of this folder's daemon are ended, whatever they are at.
 * @param {string} folder
 */
async function endStale(folder) {
  const pidFiles = [path.join(folder, 'dockerd.pid'), path.join(folder, 'exec/containerd/containerd.pid')];
  for (const file of pidFiles) {
    const pid = Number(await readFile(file, 'utf8').catch(() => ''));
    if (pid > 1) await endOurs(pid, folder);
    await rm(file, { force: true });
  }
}

/** @param {number} pid @param {string} folder which a process must name to be ours */
async function endOurs(pid, folder) {
  const isGone = async () => !(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes(`${folder}/`);
  if (await isGone()) return;
  process.kill(pid, 'SIGTERM');
  if (await holdsWithin(stopLimit, isGone)) return;
  process.kill(pid, 'SIGKILL');
  await holdsWithin(stopLimit, isGone);
}
