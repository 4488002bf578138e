import { isCancellation, upsertMemo } from '@temporalio/workflow';
import { TrainModelInput } from '../domain/train-model-input.ts';
import type { TrainModelResult } from '../domain/train-model-result.ts';
import { describeIssues, parse } from '../domain/validation.ts';
import { Compensation } from './compensation.ts';
import { failWith, issuesOf, toFailure } from './failure.ts';
import { Progress } from './status.ts';
import { trainOnSite } from './train-on-site.ts';

/**
 * Trains a model where its data lives. Fails with an ApplicationFailure whose `type` is the domain Failure's and whose
 * details[0] is that Failure (`InvalidInput`: details[1] are the issues); ends as cancelled when it is cancelled.
 */
export async function trainModel(request: unknown): Promise<TrainModelResult> {
  const input = validInput(request);
  const progress = new Progress(input);
  const undo = new Compensation();
  upsertMemo({ site: input.site, model: input.model.name });
  try {
    return progress.succeed(await trainOnSite(input, progress, undo));
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

/** In the first workflow task: an input from the Temporal UI or a schedule has passed no client. */
function validInput(request: unknown): TrainModelInput {
  const input = parse(TrainModelInput, request ?? {});
  if (input.ok) return input.value;
  const failure = {
    class: 'input',
    type: 'InvalidInput',
    cause: describeIssues(input.issues),
    nextStep: 'Correct what is named and start again; nothing was made and nothing was spent.',
  } as const;
  new Progress().fail(failure);
  throw failWith(failure, undefined, input.issues);
}
