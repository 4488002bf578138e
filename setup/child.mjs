import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { programEnvironment } from './paths.mjs';
import { endingWithUs } from './process.mjs';

/**
 * Runs a program in the foreground, on this terminal, with the clone's Node first on PATH, and passes signals on to it.
 * It ends with this process, also when that is killed.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<number>} its exit code; 128 + N when signal N ended it
 */
export async function foreground(program, args, { cwd, env = process.env }) {
  const [file, argv] = endingWithUs(program, args);
  const child = spawn(file, argv, { cwd, env: programEnvironment(env), stdio: 'inherit' });
  const release = passSignals(child);
  try {
    return await new Promise((resolve, reject) => {
      child
        .on('error', reject)
        .on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']));
    });
  } finally {
    release();
  }
}

/**
 * A terminal's Ctrl-C reaches the child by itself, as it is in the same process group; passed on, it would count twice.
 * @param {import('node:child_process').ChildProcess} child
 */
function passSignals(child) {
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  /** @type {[NodeJS.Signals, () => void][]} */
  const handlers = [
    ['SIGINT', () => void (onTerminal || child.kill('SIGINT'))],
    ['SIGTERM', () => void child.kill('SIGTERM')],
    ['SIGHUP', () => void child.kill('SIGHUP')],
  ];
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}
