import { Context } from '@temporalio/activity';

/** Tells Temporal that the activity is alive; the SDK sends as few of them as the timeout allows. */
export function heartbeat(): void {
  Context.current().heartbeat();
}

/** Ends requests when the activity is cancelled. */
export function cancellation(): { abortSignal: AbortSignal } {
  return { abortSignal: Context.current().cancellationSignal };
}
