import path from 'node:path';
import { run } from '../process.mjs';

const commands = {
  'types (tsc)': ['typescript/bin/tsc', '--noEmit'],
  'lint (eslint), the import table too': ['eslint/bin/eslint.js', '.'],
  'format (prettier)': ['prettier/bin/prettier.cjs', '--check', '.'],
};

/**
 * Runs the checks that need no test: each counts as one.
 * @param {string} root the clone
 * @param {import('./tally.mjs').Tally} tally
 * @param {AbortSignal} stop
 */
export async function checks(root, tally, stop) {
  console.log('Checks');
  for (const [name, [script = '', ...args]] of Object.entries(commands)) {
    if (stop.aborted) return;
    await run(process.execPath, [path.join(root, 'node_modules', script), ...args], { cwd: root }).then(
      () => tally.pass(`  ✔ ${name}`),
      (error) => tally.fail(name, error.message),
    );
  }
}
