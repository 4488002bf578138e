import { createServer } from 'node:net';
import { holdsWithin } from './holds-within.mjs';

/**
 * Does `work` while no other process does the same for `name`. The lock is an abstract socket name: the kernel gives it
 * back when its process ends, however it ends.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @param {() => void} [waiting] called once if somebody else holds it
 * @returns {Promise<T>}
 */
export async function withLock(name, work, waiting) {
  let release = await tryLock(name);
  if (!release) {
    waiting?.();
    await holdsWithin(Infinity, async () => (release = await tryLock(name)) !== undefined);
  }
  try {
    return await work();
  } finally {
    await release?.();
  }
}

/**
 * @param {string} name
 * @returns {Promise<(() => Promise<void>) | undefined>}
 */
function tryLock(name) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (/** @type {NodeJS.ErrnoException} */ error) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(`\0edge-train-setup:${name}`, () => resolve(() => new Promise((done) => server.close(() => done()))));
  });
}
