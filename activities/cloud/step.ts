import { Context } from '@temporalio/activity';

/** A verb's ties to who runs it: it says that it lives, and it is told to end. */
export interface Step {
  readonly progress: () => void;
  readonly abortSignal?: AbortSignal;
  /** From 1. */
  readonly attempt: number;
}

/** Temporal sends as few heartbeats as the timeout allows. */
export function temporalStep(): Step {
  const context = Context.current();
  return {
    progress: () => context.heartbeat(),
    abortSignal: context.cancellationSignal,
    attempt: context.info.attempt,
  };
}
