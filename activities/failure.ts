import { ApplicationFailure, CancelledFailure, type Context } from '@temporalio/activity';
import { ServiceError, toServiceError } from '../services/errors.ts';
import { refusePlaintext } from './refuse-plaintext.ts';

/**
 * The one inbound interceptor of every worker: an error's verdict becomes Temporal's, and a step that may be watched
 * stays alive by itself. Give it as `interceptors: { activity: [carryVerdict] }`.
 */
export function carryVerdict(context: Context) {
  return {
    inbound: {
      async execute<I>(input: I, next: (input: I) => Promise<unknown>): Promise<unknown> {
        const stop = keepAlive(context);
        try {
          refusePlaintext(context.info.activityType, (input as { args?: unknown[] }).args ?? []);
          return await next(input);
        } catch (error) {
          throw toTemporal(error, context);
        } finally {
          stop();
        }
      },
    },
  };
}

/**
 * ApplicationFailure whose `type`, retrying and wait are the verdict's; details are [Failure, Issue[]?].
 * A cancelled step ends as cancelled, whatever its libraries made of the abort. No stack and no cause go along:
 * both would be written into the history.
 */
export function toTemporal(error: unknown, context: Pick<Context, 'cancellationSignal' | 'info'>): Error {
  if (error instanceof ApplicationFailure) return error;
  const { cancellationSignal: signal } = context;
  if (signal.aborted)
    return signal.reason instanceof CancelledFailure ? signal.reason : new CancelledFailure('cancelled');
  if (error instanceof CancelledFailure) return error;
  const known = error instanceof ServiceError ? error : toServiceError(error, context.info.activityType);
  const failure = ApplicationFailure.create({
    message: known.message,
    type: known.type,
    nonRetryable: !known.retryable || (known.type === 'Unexpected' && context.info.attempt >= UNEXPECTED_ATTEMPTS),
    details: known.issues ? [known.toFailure(), known.issues] : [known.toFailure()],
    ...(known.retryAfterMs === undefined ? {} : { nextRetryDelay: known.retryAfterMs }),
  });
  failure.stack = `${failure.name}: ${failure.message}`;
  return failure;
}

/** What nobody has classified may pass, and may be a fault of ours that never does: about two minutes of trying. */
const UNEXPECTED_ATTEMPTS = 10;

/**
 * Heartbeats while a step works, with the last details that it gave itself. So a killed worker is noticed within the
 * heartbeat's timeout, and a cancellation arrives, in every step alike; a step that hangs is ended by its own timeout.
 */
function keepAlive(context: Context): () => void {
  const timeout = context.info.heartbeatTimeoutMs;
  if (!timeout) return () => {};
  const beat = context.heartbeat.bind(context);
  let details: unknown = context.info.heartbeatDetails;
  (context as { heartbeat: (details?: unknown) => void }).heartbeat = (given) => {
    details = given;
    beat(given);
  };
  const timer = setInterval(() => beat(details), Math.min(1000, timeout / 5));
  timer.unref();
  return () => clearInterval(timer);
}
