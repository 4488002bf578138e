import { upsertMemo } from '@temporalio/workflow';
import { ChangeModelInput, type ModelChangeResult } from '../domain/model-change.ts';
import { parse } from '../domain/validation.ts';
import { askModel } from './ask-model.ts';
import { failWith } from './failure.ts';
import { validInput } from './valid-input.ts';
import { whatServes } from './what-serves.ts';

/** Moves an alias, or archives or restores a version. @throws ApplicationFailure `InvalidInput`, and what the model's workflow says */
export async function changeModel(request: unknown): Promise<ModelChangeResult> {
  const change = validInput(parse(ChangeModelInput, request ?? {}));
  upsertMemo({ site: change.site, model: change.model });
  if (change.action === 'archive') await requireIdle(change);
  return askModel(change);
}

/** By the site's own record and the endpoints'. A deployment that begins at this very moment is not seen: its version serves on, archived. */
async function requireIdle({ site, model, version }: ChangeModelInput): Promise<void> {
  const serves = (await whatServes(site)).find((each) => each.model === model && each.current.version === version);
  if (!serves) return;
  const place = 'to' in serves ? `in the cloud, at ${serves.address}` : `on ${serves.virtualMachine} at ${site}`;
  throw failWith({
    class: 'input',
    type: 'VersionServes',
    cause: `${model} version ${version} is not archived: it serves ${place}.`,
    nextStep: 'Deploy another version first, or edge-train undeploy the model.',
  });
}
