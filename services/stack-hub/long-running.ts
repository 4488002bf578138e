import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '../errors.ts';
import { armError, sendArm, type ArmAnswer } from './request.ts';
import type { StackHub } from './session.ts';

/** How an activity shows that it lives, learns that it is cancelled, and goes on where the attempt before it stopped. */
export interface Progress {
  readonly signal?: AbortSignal | undefined;
  /** What the attempt before told last. */
  readonly resumed?: unknown;
  heartbeat(state: Operation | undefined): void;
}

/** An operation under way: small, without a secret, fit for a heartbeat. */
export interface Operation {
  readonly target: string;
  /** `Azure-AsyncOperation` or `Location`. */
  readonly poll?: { readonly url: string; readonly style: 'async' | 'location' };
}

const TROUBLE_LIMIT = 5;
const LONGEST_WAIT_MS = 15_000;

/** What a 200, 201 or 202 says about where the operation is followed. */
export function operationOf(target: string, answer: ArmAnswer): Operation {
  const asynchronous = answer.headers.get('azure-asyncoperation');
  const location = answer.headers.get('location');
  if (asynchronous) return { target, poll: { url: asynchronous, style: 'async' } };
  if (location && answer.status === 202) return { target, poll: { url: location, style: 'location' } };
  return { target };
}

/** The attempt before's operation on this resource, if it told of one. */
export function resumedOperation(target: string, resumed: unknown): Operation | undefined {
  const { target: before, poll } = (resumed ?? {}) as Partial<Operation>;
  return before === target && poll !== undefined ? { target, poll } : undefined;
}

/**
 * Waits until the operation has ended. Tells its state at each poll; bears five troubles in a row (an answer of 5xx, a cut
 * line), as operations go on while their front is down. An operation that Azure has forgotten counts as ended: who asked looks
 * at the resource next. @throws ServiceError with the operation's own nested code when it failed or was cancelled
 */
export async function followOperation(
  hub: StackHub,
  operation: Operation,
  progress: Progress,
  doing: string,
): Promise<void> {
  if (!operation.poll) return;
  const { url, style } = operation.poll;
  const pause = pauses();
  for (let troubles = 0; ;) {
    progress.heartbeat(operation);
    const answer = await pollOnce(hub, url, progress, doing).catch((error: unknown) => {
      progress.signal?.throwIfAborted();
      if (!(error instanceof ServiceError) || !error.retryable || ++troubles >= TROUBLE_LIMIT) throw error;
      return undefined;
    });
    if (answer === 'forgotten') return;
    if (answer) {
      troubles = 0;
      if (ended(answer, style, doing)) return;
    }
    await pause(answer, progress);
  }
}

/** Asks again until `look` finds something: for what Azure shows late, or only through the resource's own state. */
export async function waitUntil<T>(
  progress: Progress,
  operation: Operation,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const pause = pauses();
  for (;;) {
    progress.heartbeat(operation);
    const found = await look();
    if (found !== undefined) return found;
    await pause(undefined, progress);
  }
}

async function pollOnce(
  hub: StackHub,
  url: string,
  progress: Progress,
  doing: string,
): Promise<ArmAnswer | 'forgotten'> {
  try {
    return await sendArm(hub, { method: 'GET', path: url, signal: progress.signal }, doing);
  } catch (error) {
    if (error instanceof ServiceError && error.type === 'NotFound') return 'forgotten';
    throw error;
  }
}

/** @throws ServiceError */
function ended(answer: ArmAnswer, style: 'async' | 'location', doing: string): boolean {
  if (style === 'location' && answer.status === 202) return false;
  const { status, properties } = (answer.body ?? {}) as {
    status?: unknown;
    properties?: { provisioningState?: unknown };
  };
  const state = status ?? properties?.provisioningState;
  if (state === undefined) return style === 'location';
  if (state === 'Failed' || state === 'Canceled' || state === 'Cancelled') {
    throw armError(
      { ...answer, status: 409, body: answer.body ?? { error: { code: state } } },
      `${doing} (it ended as ${state})`,
    );
  }
  return state === 'Succeeded';
}

/** Soon at first, since much is done at once; then Azure's Retry-After where it gives one, never longer than 15 s. */
function pauses(): (answer: ArmAnswer | undefined, progress: Progress) => Promise<void> {
  let own = 200;
  let first = true;
  return async (answer, progress) => {
    const asked = Number(answer?.headers.get('retry-after')) * 1000;
    const wait = first || !(asked > 0) ? own : Math.min(asked, LONGEST_WAIT_MS);
    first = false;
    own = Math.min(own * 1.5, 5_000);
    await delay(wait, undefined, progress.signal ? { signal: progress.signal } : {}).catch((error: unknown) => {
      progress.signal?.throwIfAborted();
      throw error;
    });
  };
}
