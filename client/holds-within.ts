import { setTimeout as pause } from 'node:timers/promises';

/**
 * Asks until the answer is yes; false when it is not within `patience` (milliseconds). What the probe throws ends the
 * wait, and so does the signal.
 */
export async function holdsWithin(
  patience: number,
  probe: () => boolean | Promise<boolean>,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = Date.now() + patience;
  while (!(await probe())) {
    if (Date.now() > deadline) return false;
    await pause(100, undefined, { signal });
  }
  return true;
}
