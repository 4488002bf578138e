import { upsertMemo, uuid4, workflowInfo } from '@temporalio/workflow';
import { ChangeModelInput, ModelChangeAnswer, type ModelChangeResult } from '../domain/model-change.ts';
import { SIGNAL } from '../domain/signals.ts';
import { parse } from '../domain/validation.ts';
import { Answers } from './answers.ts';
import { failWith } from './failure.ts';
import { cloudSteps } from './steps.ts';
import { validInput } from './valid-input.ts';

/**
 * Asks the model's own workflow for a change of its names, and waits for its word. Cancelled, it waits no longer: what was
 * asked for is still done. @throws ApplicationFailure whose details[0] is the domain's Failure
 */
export async function changeModel(request: unknown): Promise<ModelChangeResult> {
  const change = validInput(parse(ChangeModelInput, request ?? {}));
  const { workflowId, runId, startTime } = workflowInfo();
  upsertMemo({ site: change.site, model: change.model });
  const holder = { workflowId, runId, job: uuid4().replaceAll('-', '').slice(0, 20) };
  const answers = new Answers<ModelChangeAnswer>(
    SIGNAL.modelChanged,
    holder.job,
    (value) => parse(ModelChangeAnswer, value),
    'From the model’s workflow: what came of it.',
  );
  const answer = await answers.to(() => cloudSteps().requestChange({ holder, change, at: startTime.toISOString() }));
  if (answer.kind === 'refused') throw failWith(answer.failure);
  return answer.result;
}
