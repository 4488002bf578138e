import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

/** The children that are at work, so that an interrupted set-up can end them. @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();

/**
 * Runs a program to its end, without a shell; its output is kept and shown only if it fails. It ends with this process,
 * also when that is killed, unless it `survives` (a package manager is not to be stopped half way).
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, input?: string, survives?: boolean }} [options]
 * @returns {Promise<string>} what it wrote to standard output
 */
export async function run(program, args, { cwd, env = process.env, input, survives = false } = {}) {
  const [file, argv] = survives ? [program, args] : endingWithUs(program, args);
  const child = spawn(file, argv, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'], detached: survives });
  if (!survives) children.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  child.stdin.on('error', () => {}).end(input);
  try {
    const [code, signal] = await new Promise((resolve, reject) => {
      child.on('error', reject).on('close', (...end) => resolve(end));
    });
    if (code === 0) return stdout;
    throw new Error(`${program} ${args[0] ?? ''} ended with ${signal ?? code}: ${shortened(stderr || stdout)}`);
  } finally {
    children.delete(child);
  }
}

/** What went wrong stands at one end or the other of what a program wrote. @param {string} text */
function shortened(text) {
  const lines = text.trim().split('\n');
  return lines.length <= 30 ? lines.join('\n') : [...lines.slice(0, 15), '…', ...lines.slice(-15)].join('\n');
}

/**
 * The command line under which the kernel tells a program to end when its parent has died, in whatever way.
 * @param {string} program
 * @param {string[]} args
 * @returns {[string, string[]]}
 */
export function endingWithUs(program, args) {
  const setpriv = '/usr/bin/setpriv';
  return existsSync(setpriv) ? [setpriv, ['--pdeathsig', 'TERM', '--', program, ...args]] : [program, args];
}

/** Ends what `run` has under way. */
export function endChildren() {
  for (const child of children) child.kill('SIGTERM');
}
