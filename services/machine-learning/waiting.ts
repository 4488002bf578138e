import { setTimeout as sleep } from 'node:timers/promises';

/** How a long operation of Azure ML is waited for. */
export interface Waiting {
  /** Called at each look, some seconds apart at most. */
  readonly progress?: () => void;
  readonly abortSignal?: AbortSignal;
  /** Between two looks; the SDK's own poller would ignore the abort signal (its pollers share one lroImpl). */
  readonly pollMs?: number;
}

/** Until the next look. */
export async function rest({ progress, abortSignal, pollMs = 2000 }: Waiting): Promise<void> {
  progress?.();
  await sleep(pollMs, undefined, abortSignal ? { signal: abortSignal } : {});
}

/** What the SDK's calls take. */
export const abort = ({ abortSignal }: Waiting) => (abortSignal ? { abortSignal } : {});
