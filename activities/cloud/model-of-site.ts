import { siteOf } from '../../domain/cloud-file.ts';
import { ServiceError } from '../../services/errors.ts';
import { findModel, type ModelContainer } from '../../services/machine-learning/model-versions.ts';
import type { Workspace } from '../../services/machine-learning/workspace.ts';
import type { Cloud } from './cloud.ts';

/**
 * A model that belongs to the site, which this worker serves: another site's has its own namespace, and there its own workflow.
 * @throws ServiceError `NoSuchModel` (input), `ModelOfAnotherSite` (policy)
 */
export async function modelOfSite(
  cloud: Cloud,
  workspace: Workspace,
  { site, model }: { readonly site: string; readonly model: string },
): Promise<ModelContainer> {
  const container = await findModel(workspace, model);
  if (!container) throw noSuchModel(workspace.name, model);
  const owner = container.properties.tags?.['site'] ?? undefined;
  if (owner === site && siteOf(cloud.file.sites, site)) return container;
  throw anotherSite(model, site, owner);
}

function noSuchModel(workspace: string, model: string): ServiceError {
  return new ServiceError({
    class: 'input',
    type: 'NoSuchModel',
    cause: `The workspace ${workspace} has no model ${model}.`,
    nextStep: 'See edge-train models list. A model is there once a run has registered its first version.',
    retryable: false,
  });
}

function anotherSite(model: string, site: string, owner = 'no site of ours'): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'ModelOfAnotherSite',
    cause: `The model ${model} belongs to ${owner}; ${site} was named.`,
    nextStep: 'Name the site that it was trained at: --site.',
    retryable: false,
  });
}
