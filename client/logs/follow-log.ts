import { setTimeout as wait } from 'node:timers/promises';
import { readRange } from '../../services/blob-range.ts';
import type { BlobContainer } from '../../services/blob-storage.ts';

export interface Log {
  readonly container: BlobContainer;
  readonly path: string;
  readonly print: (bytes: Buffer) => Promise<void>;
}

/** Prints all that is there; returns where it ends, undefined where there is no log. */
export async function printFrom({ container, path, print }: Log, offset: number): Promise<number | undefined> {
  for (let at = offset; ;) {
    const bytes = await readRange(container, path, at);
    if (!bytes || bytes.length === 0) return bytes && at;
    await print(bytes);
    at += bytes.length;
  }
}

const POLL_MS = 1000;

/**
 * Prints what a run says while it says it. A log is whole before its run ends: so it is read once more after `running`
 * has said no. Returns where it ends, undefined where there never was one. `waiting` is called once, before the first word.
 */
export async function followLog(
  log: Log,
  running: () => Promise<boolean>,
  { signal, waiting }: { signal: AbortSignal; waiting?: () => void },
): Promise<number | undefined> {
  let at: number | undefined;
  let told = false;
  for (;;) {
    const goesOn = await running();
    at = (await printFrom(log, at ?? 0)) ?? at;
    signal.throwIfAborted();
    if (!goesOn) return at;
    if (at === undefined && !told) waiting?.();
    told ||= at === undefined;
    await wait(POLL_MS, undefined, { signal });
  }
}
