import { upsertMemo } from '@temporalio/workflow';
import { TrainModelInput } from '../domain/train-model-input.ts';
import type { TrainModelResult } from '../domain/train-model-result.ts';
import { parse } from '../domain/validation.ts';
import { Compensation } from './compensation.ts';
import { deployTrained, requireCloudDeployments } from './deploy-trained.ts';
import { Progress } from './status.ts';
import { sweepOnSite } from './sweep-on-site.ts';
import { toTheEnd } from './to-the-end.ts';
import { trainOnSite } from './train-on-site.ts';
import { validInput } from './valid-input.ts';

/**
 * Trains a model where its data lives; of a sweep, once for each trial, and the best is what is made. Fails with an ApplicationFailure whose `type` is the domain Failure's and whose
 * details[0] is that Failure (`InvalidInput`: details[1] are the issues); ends as cancelled when it is cancelled.
 */
export async function trainModel(request: unknown): Promise<TrainModelResult> {
  const input = validInput(parse(TrainModelInput, request ?? {}));
  const progress = new Progress(input);
  const undo = new Compensation();
  upsertMemo({ site: input.site, model: input.model.name });
  return toTheEnd(progress, undo, async () => {
    if (input.deploy === 'cloud') await requireCloudDeployments(input);
    const trained = await (input.sweep ? sweepOnSite : trainOnSite)(input, progress, undo);
    const result = input.deploy
      ? { ...trained, deployed: await deployTrained({ ...input, deploy: input.deploy }, trained.model, progress) }
      : trained;
    progress.succeed(result);
    return result;
  });
}
