import { readdir } from 'node:fs/promises';
import path from 'node:path';

/**
 * The test files under `test/`, sorted: those that need nothing but Node, those that need the whole system, and those that
 * need it and install other people's libraries at length, which are no part of `npm test`.
 * @param {string} root the clone
 * @param {string[]} only paths or parts of paths that are wanted; none is all
 * @returns {Promise<{ unit: string[], system: string[], tools: string[] }>} absolute paths
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
  const of = (/** @type {string} */ kind) => wanted.filter((file) => file.endsWith(`.${kind}.test.ts`));
  const [system, tools] = [of('system'), of('tools')];
  return { unit: wanted.filter((file) => !system.includes(file) && !tools.includes(file)), system, tools };
}
