import {
  ApplicationFailure,
  CancelledFailure,
  TerminatedFailure,
  TimeoutFailure,
  WorkflowFailedError,
} from '@temporalio/client';
import type { z } from 'zod';
import { Failure } from '../../domain/failure.ts';
import { refusalOf } from '../../domain/payload-codec.ts';
import { TrainModelResult } from '../../domain/train-model-result.ts';
import { requireReadable, unreadable } from './payload-codecs.ts';

export type EndedBadly = { readonly state: 'failed' | 'cancelled'; readonly failure: Failure };

/** How a run ended. */
export type Outcome<T = TrainModelResult> = { readonly state: 'succeeded'; readonly result: T } | EndedBadly;

export const succeeded = (result: unknown): Outcome => succeededWith(TrainModelResult, result);

/** The same of another workflow. */
export function succeededWith<T>(schema: z.ZodType<T>, result: unknown): Outcome<T> {
  return { state: 'succeeded', result: schema.parse(requireReadable(result, 'The run’s result')) };
}

/** Undefined when the error does not say that the run has ended. */
export function endedBadly(error: unknown): EndedBadly | undefined {
  if (!(error instanceof WorkflowFailedError)) return undefined;
  const chain: unknown[] = [];
  for (let each: unknown = error.cause; each instanceof Error && chain.length < 20; each = each.cause) chain.push(each);
  const failures = chain.filter((each) => each instanceof ApplicationFailure);
  const told = failures.map((each) => Failure.safeParse(each.details?.[0])).find((parsed) => parsed.success)?.data;
  if (chain[0] instanceof CancelledFailure) return { state: 'cancelled', failure: told ?? CANCELLED };
  if (chain[0] instanceof TerminatedFailure) return { state: 'cancelled', failure: TERMINATED };
  if (told) return { state: 'failed', failure: told };
  const why = failures.map(({ details }) => refusalOf(details?.[0])).find((each) => each !== undefined);
  if (why !== undefined) return { state: 'failed', failure: unreadable('Why it failed', why) };
  const last = chain.at(-1);
  const cause = last instanceof Error ? last.message : error.message;
  const type = last instanceof TimeoutFailure ? 'TimedOut' : 'Unexpected';
  return {
    state: 'failed',
    failure: { class: 'internal', type, cause, nextStep: 'The Temporal UI shows the run’s history.' },
  };
}

const CANCELLED: Failure = {
  class: 'input',
  type: 'Cancelled',
  cause: 'The run was cancelled; what it had made was undone.',
  nextStep: 'Run the command again to start anew.',
};
const TERMINATED: Failure = {
  class: 'input',
  type: 'Terminated',
  cause: 'The run was terminated in Temporal. Its VM is given back within minutes.',
  nextStep: 'Run the command again to start anew. Cancel runs rather than terminate them: cancelling undoes.',
};
