import { isCancellation } from '@temporalio/workflow';
import type { Compensation } from './compensation.ts';
import { failWith, issuesOf, toFailure } from './failure.ts';
import type { Progress } from './status.ts';

/**
 * Does a run's work. When it fails, all that was done is undone, and the failure is told with what could not be; what was
 * cancelled ends as cancelled. @throws ApplicationFailure whose details[0] is the domain's Failure
 */
export async function toTheEnd<T>(progress: Progress, undo: Compensation, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const left = await undo.undo(error);
    if (isCancellation(error)) {
      progress.cancelled();
      throw error;
    }
    const failure = toFailure(error);
    const nextStep = left.length > 0 ? `${failure.nextStep} Could not undo: ${left.join('; ')}.` : failure.nextStep;
    progress.fail({ ...failure, nextStep });
    throw failWith({ ...failure, nextStep }, error, ...issuesOf(error));
  }
}
