import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import { Failure } from '../domain/failure.ts';

/** Any error of a workflow in the domain's words. The first Failure down the chain of causes speaks. */
export function toFailure(error: unknown): Failure {
  for (const each of chain(error)) {
    if (each instanceof ApplicationFailure) {
      const stated = Failure.safeParse(each.details?.[0]);
      if (stated.success) return stated.data;
    }
    if (each instanceof TimeoutFailure) return timedOut(error, each);
  }
  if (isCancellation(error)) {
    return { class: 'input', type: 'Cancelled', cause: 'the run was cancelled', nextStep: 'Start it again to train.' };
  }
  return {
    class: 'internal',
    type: 'Unexpected',
    cause: deepest(error),
    nextStep: 'This is likely a fault of edge-train: report it with the workflow’s id.',
  };
}

/** What a workflow fails with: `type` and words are the failure's, details[0] is the failure itself. Never retried. */
export function failWith(failure: Failure, cause?: unknown, ...more: unknown[]): ApplicationFailure {
  const told = ApplicationFailure.create({
    message: failure.cause,
    type: failure.type,
    nonRetryable: true,
    details: [failure, ...more],
    ...(cause instanceof Error ? { cause } : {}),
  });
  told.stack = `${told.name}: ${told.message}`; // a stack would put paths of the worker's machine into the history
  return told;
}

/** Whether a VM left a step in its queue: it is silent, which says nothing of what became of it. */
export const isSilence = (error: unknown): boolean =>
  error instanceof ActivityFailure &&
  error.cause instanceof TimeoutFailure &&
  error.cause.timeoutType === 'SCHEDULE_TO_START';

export const isGrantExpired = (error: unknown): boolean => toFailure(error).type === 'GrantExpired';

/** The faults of an input that a worker refused, if that is what the error is: for a run's own details[1]. */
export function issuesOf(error: unknown): unknown[] {
  for (const each of chain(error)) {
    if (each instanceof ApplicationFailure && each.type === 'InvalidInput') return each.details?.slice(1) ?? [];
  }
  return [];
}

function timedOut(error: unknown, timeout: TimeoutFailure): Failure {
  const step = error instanceof ActivityFailure ? error.activityType : 'a step';
  return timeout.timeoutType === 'SCHEDULE_TO_START'
    ? {
        class: 'host',
        type: 'MachineSilent',
        cause: `the VM did not take ${step} from its queue`,
        nextStep: 'Check that the VM runs and reaches Temporal through the uplink.',
      }
    : {
        class: 'network',
        type: 'TimedOut',
        cause: `${step} did not end in time (${timeout.timeoutType ?? 'unknown timeout'})`,
        nextStep: 'See the step in the Temporal UI for its last error, and the worker’s log.',
      };
}

function* chain(error: unknown): Generator<unknown> {
  for (let each = error, depth = 0; each instanceof Error && depth < 10; each = each.cause, depth++) yield each;
}

function deepest(error: unknown): string {
  const messages = [...chain(error)].map((each) => (each as Error).message);
  return messages.at(-1) ?? String(error);
}
