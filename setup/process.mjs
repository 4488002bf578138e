import { spawn } from 'node:child_process';

/** The children that are at work, so that an interrupted set-up can end them. @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();

/**
 * Runs a program to its end, without a shell; its output is kept and shown only if it fails.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, input?: string }} [options]
 * @returns {Promise<string>} what it wrote to standard output
 */
export async function run(program, args, { cwd, env = process.env, input } = {}) {
  const child = spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  children.add(child);
  let stdout = '';
  let tail = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (tail = (tail + text).slice(-4000)));
  child.stdin.on('error', () => {}).end(input);
  try {
    const [code, signal] = await new Promise((resolve, reject) => {
      child.on('error', reject).on('close', (...end) => resolve(end));
    });
    if (code !== 0) throw new Error(`${program} ${args[0] ?? ''} ended with ${signal ?? code}:\n${(tail || stdout.slice(-4000)).trim()}`);
    return stdout;
  } finally {
    children.delete(child);
  }
}

/**
 * Ends what `run` has under way, each with the processes that it started.
 * @param {NodeJS.Signals} signal
 */
export function endChildren(signal) {
  for (const { pid } of children) {
    try {
      if (pid) process.kill(-pid, signal);
    } catch {
      // it has ended by itself
    }
  }
}
