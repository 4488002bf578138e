import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks until the answer is neither undefined nor false, and returns it. A probe that throws counts as "not yet"; at the
 * deadline (milliseconds) its last error is told. A FatalError ends the wait at once.
 */
export async function waitUntil<T>(
  what: string,
  deadline: number,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const end = Date.now() + deadline;
  let last: unknown;
  for (let pause = 25; ; pause = Math.min(pause * 1.5, 500)) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer;
      last = undefined;
    } catch (error) {
      if (error instanceof FatalError) throw error;
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${deadline / 1000} s${reason(last)}`, { cause: last });
    await sleep(pause);
  }
}

/** Waiting longer would not help. */
export class FatalError extends Error {}

function reason(error: unknown): string {
  return error === undefined ? '' : ` (${error instanceof Error ? error.message : 'unknown error'})`;
}
