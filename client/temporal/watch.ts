import { setTimeout as wait } from 'node:timers/promises';
import type { RunStatus } from '../../domain/run-status.ts';
import { RunStatus as RunStatusSchema } from '../../domain/run-status.ts';
import { unreachable } from '../command-error.ts';
import type { TemporalClient } from './connect.ts';
import { requireReadable } from './payload-codecs.ts';
import { endedBadly, succeeded, type Outcome } from './outcome.ts';
import type { StartedRun } from './start-training.ts';
import { isAway, serviceTrouble } from './trouble.ts';

export interface Watcher {
  status(status: RunStatus): void;
  /** Something that a person should know while nothing else moves; undefined when it is over. */
  notice(text: string | undefined): void;
}

const POLL_MS = 300;
const AWAY_MS = 120_000;

/**
 * Follows a run to its end by its `status` query, and tells each status as it comes. Server and worker may come and go
 * meanwhile: the run outlives them.
 * @throws CommandError exit 3 when the server is away for two minutes; the run goes on
 */
export async function watch(
  temporal: TemporalClient,
  run: Pick<StartedRun, 'workflowId'> & { runId?: string },
  watcher: Watcher,
  signal: AbortSignal,
): Promise<Outcome> {
  return watchWith(succeeded, temporal, run, watcher, signal);
}

/** The same of another workflow; `read` takes its result. */
export async function watchWith<T>(
  read: (result: unknown) => Outcome<T>,
  temporal: TemporalClient,
  run: Pick<StartedRun, 'workflowId'> & { runId?: string },
  watcher: Watcher,
  signal: AbortSignal,
): Promise<Outcome<T>> {
  const handle = temporal.client.workflow.getHandle(run.workflowId, run.runId);
  const stopped = new AbortController();
  const until = AbortSignal.any([signal, stopped.signal]);
  void poll(() => temporal.client.withAbortSignal(until, () => askStatus(temporal, handle)), watcher, until);
  try {
    const outcome = await untilEnd(
      read,
      temporal,
      () => temporal.client.withAbortSignal(signal, () => handle.result()),
      watcher,
      signal,
    );
    stopped.abort();
    const last = await askStatus(temporal, handle).catch(() => undefined);
    if (last) watcher.status(last);
    return outcome;
  } finally {
    stopped.abort();
  }
}

interface Handle {
  readonly workflowId: string;
  query(name: string): Promise<unknown>;
}

/** A worker that is away does not answer queries: five seconds tell. */
export async function askStatus(temporal: TemporalClient, handle: Handle): Promise<RunStatus> {
  const answer = await temporal.client.withDeadline(Date.now() + 5_000, () => handle.query('status'));
  return RunStatusSchema.parse(requireReadable(answer, 'The run’s status'));
}

async function poll(ask: () => Promise<RunStatus>, watcher: Watcher, signal: AbortSignal): Promise<void> {
  let silentSince: number | undefined;
  while (!signal.aborted) {
    try {
      const status = await ask();
      if (signal.aborted) return;
      silentSince = undefined;
      watcher.notice(undefined);
      watcher.status(status);
    } catch {
      silentSince ??= Date.now();
      if (!signal.aborted && Date.now() - silentSince > 3_000)
        watcher.notice('no worker answers on the queue edge-train; the run goes on when one is there');
    }
    await wait(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function untilEnd<T>(
  read: (result: unknown) => Outcome<T>,
  temporal: TemporalClient,
  result: () => Promise<unknown>,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<Outcome<T>> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  let awaySince: number | undefined;
  for (;;) {
    signal.throwIfAborted();
    try {
      return read(await Promise.race([result(), aborted]));
    } catch (error) {
      if (signal.aborted) throw error;
      const outcome = endedBadly(error);
      if (outcome) return outcome;
      if ((error as Error).name === 'WorkflowNotFoundError') throw error;
      if (!isAway(error)) throw serviceTrouble(error, temporal, 'The run cannot be watched');
      awaySince ??= Date.now();
      if (Date.now() - awaySince > AWAY_MS)
        throw unreachable(
          `Temporal at ${temporal.address} has been away for two minutes. The run goes on when it is back.`,
          'Look on with `edge-train status` when the server answers again.',
        );
      watcher.notice(`Temporal at ${temporal.address} does not answer; waiting for it`);
      await wait(1_000, undefined, { signal }).catch(() => undefined);
    }
  }
}
