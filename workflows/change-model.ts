import { upsertMemo } from '@temporalio/workflow';
import { ChangeModelInput, type ModelChangeResult } from '../domain/model-change.ts';
import { parse } from '../domain/validation.ts';
import { askModel } from './ask-model.ts';
import { failWith } from './failure.ts';
import { LIST_PATIENCE, siteSteps } from './steps.ts';
import { validInput } from './valid-input.ts';

/** Moves an alias, or archives or restores a version. @throws ApplicationFailure `InvalidInput`, and what the model's workflow says */
export async function changeModel(request: unknown): Promise<ModelChangeResult> {
  const change = validInput(parse(ChangeModelInput, request ?? {}));
  upsertMemo({ site: change.site, model: change.model });
  if (change.action === 'archive') await requireIdle(change);
  return askModel(change);
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
