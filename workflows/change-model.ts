import { upsertMemo, uuid4, workflowInfo } from '@temporalio/workflow';
import { ChangeModelInput, ModelChangeAnswer, type ModelChangeResult } from '../domain/model-change.ts';
import { SIGNAL } from '../domain/signals.ts';
import { parse } from '../domain/validation.ts';
import { Answers } from './answers.ts';
import { failWith } from './failure.ts';
import { cloudSteps, LIST_PATIENCE, siteSteps } from './steps.ts';
import { validInput } from './valid-input.ts';

/**
 * Asks the model's own workflow for a change of its names, and waits for its word. Cancelled, it waits no longer: what was
 * asked for is still done. @throws ApplicationFailure whose details[0] is the domain's Failure
 */
export async function changeModel(request: unknown): Promise<ModelChangeResult> {
  const change = validInput(parse(ChangeModelInput, request ?? {}));
  if (change.action === 'archive') await requireIdle(change);
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

/** By the site's own record. A deployment that begins at this very moment is not seen: its version serves on, archived. */
async function requireIdle({ site, model, version }: ChangeModelInput): Promise<void> {
  const { deployments } = await siteSteps(LIST_PATIENCE).listDeployments(site);
  const serves = deployments.find((each) => each.model === model && each.current.version === version);
  if (!serves) return;
  throw failWith({
    class: 'input',
    type: 'VersionServes',
    cause: `${model} version ${version} is not archived: it serves on ${serves.virtualMachine} at ${site}.`,
    nextStep: 'Deploy another version first, or edge-train undeploy the model.',
  });
}
