import {
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  proxyActivities,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import type { RunStatus } from '../../../domain/run-status.ts';
import { UPDATE } from '../../../domain/signals.ts';
import type { Envelope } from '../../../domain/statement.ts';
import type { TrainModelResult } from '../../../domain/train-model-result.ts';

/** What a stand-in of `trainModel` does; the rest of what it is given is a training's input, and not looked at. */
export interface StubInput {
  readonly site: string;
  readonly model: { readonly name: string };
  readonly job?: unknown;
  readonly status?: Partial<RunStatus>;
  /** Ends so at the signal `finish`; without, it trains until it is cancelled. */
  readonly end?: { readonly result: TrainModelResult } | { readonly failure: NonNullable<RunStatus['failure']> };
  readonly refuse?: NonNullable<RunStatus['failure']>;
  /** Signed at once by the site's activity. */
  readonly receipt?: Envelope;
}

const site = proxyActivities<{ issueReceipt(envelope: Envelope): Promise<{ envelope: Envelope }> }>({
  startToCloseTimeout: '10 seconds',
});

/** Speaks as the contract of `trainModel` says: query, update, signal, failures; and does nothing. */
export async function trainModel({
  site: named,
  model,
  status: given,
  end,
  refuse,
  receipt,
}: StubInput): Promise<unknown> {
  let finished = false;
  const decisions: Envelope[] = [];
  let status: RunStatus = {
    ...{ site: named, model: model.name, state: 'running' },
    steps: [{ name: 'train', where: 'vm-1', state: 'running', startedAt: new Date().toISOString() }],
    ...given,
  };
  setHandler(defineQuery<RunStatus>('status'), () => status);
  setHandler(defineQuery<Envelope[]>('decisions'), () => decisions);
  setHandler(defineSignal('finish'), () => void (finished = true));
  setHandler(
    defineUpdate<{ by: string; decision: string }, [Envelope]>(UPDATE.decideRelease),
    (envelope) => {
      decisions.push(envelope);
      const { approval: _, ...rest } = status;
      status = rest;
      return { by: 'ada', decision: 'approve' };
    },
    {
      validator: (_: Envelope) => {
        if (refuse) throw ApplicationFailure.nonRetryable(refuse.cause, refuse.type, refuse);
      },
    },
  );
  if (receipt) await site.issueReceipt(receipt);
  try {
    await condition(() => finished);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(async () => {
      status = { ...status, steps: [{ name: 'clean', where: 'vm-1', state: 'running', detail: 'undoing' }] };
      await sleep(700);
      status = { ...status, state: 'cancelled', steps: [{ name: 'clean', where: 'vm-1', state: 'done' }] };
    });
    throw error;
  }
  if (end && 'failure' in end) throw ApplicationFailure.nonRetryable(end.failure.cause, end.failure.type, end.failure);
  return end?.result;
}

/** What is no run. */
export async function virtualMachine(): Promise<void> {
  await condition(() => false);
}
