import { ListModelsInput, ShowModelInput, type DescribedModel, type ModelList } from '../domain/model-catalog.ts';
import { CompareVersionsInput, type VersionComparison } from '../domain/model-comparison.ts';
import { parse } from '../domain/validation.ts';
import { cloudSteps, LIST_PATIENCE } from './steps.ts';
import { validInput } from './valid-input.ts';

/** What `edge-train models` asks, which has no credential of Azure's. They change nothing. */

/** What two versions differ in. @throws ApplicationFailure `InvalidInput`, and what the step throws */
export async function compareVersions(request: unknown): Promise<VersionComparison> {
  return cloudSteps(LIST_PATIENCE).compareVersions(validInput(parse(CompareVersionsInput, request ?? {})));
}

/** The models of a site. @throws ApplicationFailure `InvalidInput` */
export async function listModels(request: unknown): Promise<ModelList> {
  const { site } = validInput(parse(ListModelsInput, request ?? {}));
  return cloudSteps(LIST_PATIENCE).listModels(site);
}

/** One model, and one version of it where one is asked for. @throws ApplicationFailure `InvalidInput`, and what the step throws */
export async function showModel(request: unknown): Promise<DescribedModel> {
  return cloudSteps(LIST_PATIENCE).showModel(validInput(parse(ShowModelInput, request ?? {})));
}
