import { readdir } from 'node:fs/promises';
import path from 'node:path';

/**
 * The test files under `test/`, sorted: those that need nothing but Node, and those that need the whole system.
 * @param {string} root the clone
 * @param {string[]} only paths or parts of paths that are wanted; none is all
 * @returns {Promise<{ unit: string[], system: string[] }>} absolute paths
 */
export async function findTests(root, only) {
  const entries = await readdir(path.join(root, 'test'), { recursive: true });
  const wanted = entries
    .map((entry) => path.join('test', entry))
    .filter((file) => file.endsWith('.test.ts'))
    .filter(
      (file) => only.length === 0 || only.some((part) => file.includes(path.relative(root, path.resolve(root, part)))),
    )
    .sort()
    .map((file) => path.join(root, file));
  const isSystem = (/** @type {string} */ file) => file.endsWith('.system.test.ts');
  return { unit: wanted.filter((file) => !isSystem(file)), system: wanted.filter(isSystem) };
}
