import { setTimeout as pause } from 'node:timers/promises';

/**
 * Asks until the answer is yes; false when it is not within `limit` milliseconds. What the probe throws ends the wait.
 * @param {number} limit
 * @param {() => boolean | Promise<boolean>} probe
 */
export async function holdsWithin(limit, probe) {
  const deadline = Date.now() + limit;
  while (!(await probe())) {
    if (Date.now() > deadline) return false;
    await pause(100);
  }
  return true;
}
