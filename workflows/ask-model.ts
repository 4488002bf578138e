import { uuid4, workflowInfo } from '@temporalio/workflow';
import { ModelChangeAnswer, type ModelChangeRequest, type ModelChangeResult } from '../domain/model-change.ts';
import { SIGNAL } from '../domain/signals.ts';
import { parse } from '../domain/validation.ts';
import { Answers } from './answers.ts';
import { failWith } from './failure.ts';
import { cloudSteps } from './steps.ts';

/**
 * Asks the model's own workflow for a change, and waits for its word. Who is cancelled waits no longer; what was asked for is
 * still done. @throws ApplicationFailure whose details[0] is the domain's Failure
 */
export async function askModel(change: ModelChangeRequest['change']): Promise<ModelChangeResult> {
  const { workflowId, runId, startTime } = workflowInfo();
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
