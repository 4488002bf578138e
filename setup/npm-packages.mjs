import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { programEnvironment } from './paths.mjs';
import { run } from './process.mjs';

/**
 * The npm packages of package-lock.json, in the clone's node_modules. Their install scripts do not run: none is needed.
 * @param {string} root the clone
 * @returns {import('./part.mjs').Part}
 */
export function npmPackages(root) {
  return {
    name: 'npm-packages',
    why: 'the libraries of package-lock.json (Azure and Temporal SDKs, Azurite, and what checks the code)',
    from: 'npm ci, without install scripts',
    key: () =>
      createHash('sha256')
        .update(readFileSync(path.join(root, 'package-lock.json')))
        .digest('hex'),
    targets: [path.join(root, 'node_modules/.package-lock.json')],
    programs: ['npm'],
    found: () => agree(root),
    async install() {
      await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: root, env: programEnvironment() });
    },
  };
}

/**
 * Whether node_modules holds just what the lockfile says: npm writes a lockfile of its own there when it is done.
 * Packages for other platforms are optional and absent.
 * @param {string} root
 */
function agree(root) {
  const wanted = packagesOf(path.join(root, 'package-lock.json'));
  const present = packagesOf(path.join(root, 'node_modules/.package-lock.json'));
  for (const [name, { version, integrity, optional }] of Object.entries(wanted)) {
    if (name === '' || (optional && !present[name])) continue;
    if (present[name]?.version !== version || present[name]?.integrity !== integrity) return false;
  }
  return Object.keys(present).every((name) => name in wanted);
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, integrity?: string, optional?: boolean }>}
 */
function packagesOf(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}
