import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { SetupProblem } from './problem.mjs';
import { run } from './process.mjs';

/**
 * A program that comes with the system's packages.
 * @typedef {{ program: string, packages: string[], why: string }} SystemProgram
 */

/**
 * Whether a program is on the PATH, or where Debian puts daemons.
 * @param {string} program
 * @param {string} [folders]
 */
export function onPath(program, folders = process.env.PATH ?? '') {
  return [...folders.split(':'), '/usr/sbin', '/sbin'].some(
    (folder) => folder && existsSync(path.join(folder, program)),
  );
}

/**
 * Installs programs with apt-get, on Debian or Ubuntu as root. A service that a package starts is left as the package
 * leaves it. Interrupted, it is finished by the next call.
 * @param {SystemProgram[]} missing
 * @throws {SetupProblem} where it is not for us to install, with the command to run
 */
export async function installSystemPrograms(missing) {
  const problem = obstacle(missing, { uid: process.getuid?.() ?? -1, osRelease: readOsRelease() });
  if (problem) throw new SetupProblem(problem);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const wait = ['-o', 'DPkg::Lock::Timeout=300'];
  const options = { env, survives: true };
  await run('dpkg', ['--configure', '-a'], options);
  await run('apt-get', [...wait, '-qq', 'update'], options);
  await run('apt-get', [...wait, '-qq', 'install', '-y', '--no-install-recommends', ...packagesOf(missing)], options);
}

/**
 * Why this machine's packages are not ours to install, in one line with the command to run; undefined where they are.
 * @param {SystemProgram[]} missing
 * @param {{ uid: number, osRelease: string }} machine
 */
export function obstacle(missing, { uid, osRelease }) {
  const programs = missing.map(({ program }) => program).join(', ');
  const command = `apt-get install -y --no-install-recommends ${packagesOf(missing).join(' ')}`;
  if (!/^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(osRelease)) {
    return `missing: ${programs}. Install them with this system's package manager; on Debian or Ubuntu it is: sudo ${command}`;
  }
  return uid === 0 ? undefined : `missing: ${programs}. Run: sudo ${command}`;
}

/** @param {SystemProgram[]} missing */
function packagesOf(missing) {
  return [...new Set(missing.flatMap(({ packages }) => packages))];
}

function readOsRelease() {
  return existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
}
