import { upsertMemo } from '@temporalio/workflow';
import { CleanRegistryInput, type CleanedRegistry, type CleanedRepository } from '../domain/registry-cleaning.ts';
import { parse } from '../domain/validation.ts';
import { askModel } from './ask-model.ts';
import { cloudSteps, LIST_PATIENCE } from './steps.ts';
import { validInput } from './valid-input.ts';
import { whatServes } from './what-serves.ts';

/**
 * Removes from the registry what no version, alias or deployment needs, a model at a time, by each model's own workflow: none of
 * its versions is registered meanwhile. What serves is asked of the site and of Azure ML; without
 * their word nothing is removed.
 * @throws ApplicationFailure `InvalidInput`, and what a model's workflow says
 */
export async function cleanRegistry(request: unknown): Promise<CleanedRegistry> {
  const { site, model, dryRun, olderThanHours } = validInput(parse(CleanRegistryInput, request ?? {}));
  upsertMemo({ site, ...(model === undefined ? {} : { model }) });
  const serving = (await whatServes(site)).flatMap(({ current, previous }) => [
    current,
    ...(previous ? [previous] : []),
  ]);
  const keep = [...new Set(serving.map((each) => ('image' in each ? each.image.digest : each.digest)))];
  const models = model === undefined ? (await cloudSteps(LIST_PATIENCE).listModels(site)).models : [{ model }];
  const repositories: CleanedRepository[] = [];
  for (const { model } of models) {
    const { cleaned = [] } = await askModel({ action: 'clean', site, model, dryRun, olderThanHours, keep });
    repositories.push(...cleaned);
  }
  return { site, dryRun, repositories };
}
