import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { Failure } from '../domain/failure.ts';
import { toFailure } from './failure.ts';

export type Outcome<T> =
  | { readonly kind: 'ready'; readonly value: T }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'unwanted' };

/** Does the deed while it is wanted, and no longer: who withdraws does not wait for its end. */
export async function whileWanted<T>(wanted: () => boolean, deed: () => Promise<T>): Promise<Outcome<T>> {
  const work = new CancellationScope();
  const watch = new CancellationScope();
  const watching = watch
    .run(() => condition(() => !wanted()))
    .then(
      () => work.cancel(),
      () => {},
    );
  try {
    const value = await work.run(deed);
    return wanted() ? { kind: 'ready', value } : { kind: 'unwanted' };
  } catch (error) {
    if (!wanted()) return { kind: 'unwanted' };
    if (isCancellation(error)) throw error;
    return { kind: 'failed', failure: toFailure(error) };
  } finally {
    watch.cancel();
    await watching;
  }
}
