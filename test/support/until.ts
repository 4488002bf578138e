import { setTimeout as pause } from 'node:timers/promises';

type Truthy<T> = Exclude<T, undefined | null | false | 0 | ''>;

/**
 * Asks until the answer is truthy, and returns it. What the probe throws ends the wait: where an error means "not yet",
 * the probe says so itself. `slowest`: how long to wait between two questions at most, in ms; longer where one costs much.
 */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  seconds = 60,
  slowest = 250,
): Promise<Truthy<T>> {
  const deadline = Date.now() + seconds * 1000;
  for (let wait = 20; ; wait = Math.min(wait * 1.3, slowest)) {
    const answer = await probe();
    if (answer) return answer as Truthy<T>;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await pause(wait);
  }
}
