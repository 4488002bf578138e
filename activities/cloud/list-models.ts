import pMap from 'p-map';
import { aliasesIn } from '../../domain/model-alias.ts';
import type { ModelList, ModelSummary } from '../../domain/model-catalog.ts';
import { siteOf } from '../../domain/cloud-file.ts';
import { ModelName } from '../../domain/resource-names.ts';
import { shown } from '../../domain/validation.ts';
import { invalidInput } from '../../services/errors.ts';
import { readVersions, type ReadVersion } from '../../services/machine-learning/find-version.ts';
import { listModelsOf } from '../../services/machine-learning/list-models.ts';
import type { ModelContainer } from '../../services/machine-learning/model-versions.ts';
import type { Cloud } from './cloud.ts';

const AT_ONCE = 4;
const NOT_OURS = 'cloud.yml of this worker knows no such site';

/**
 * The models of a site. One whose name edge-train does not give has no run of ours, and is left out.
 * @throws ServiceError `InvalidInput` where this worker knows no such site
 */
export async function listModels(cloud: Cloud, site: string): Promise<ModelList> {
  if (!siteOf(cloud.file.sites, site)) throw invalidInput([{ path: 'site', rule: NOT_OURS, value: shown(site) }]);
  const workspace = await cloud.workspace();
  const ours = (await listModelsOf(workspace, site)).filter(({ name }) => ModelName.safeParse(name).success);
  const models = await pMap(
    ours,
    async (model) => summaryOf(site, model.name, model, await readVersions(workspace, model.name)),
    { concurrency: AT_ONCE },
  );
  return { site, models };
}

export function summaryOf(
  site: string,
  model: string,
  container: ModelContainer,
  versions: readonly ReadVersion[],
): ModelSummary {
  const newest = versions.find(({ archived }) => !archived)?.version;
  return {
    ...{ model, site, versions: versions.length, archived: versions.filter(({ archived }) => archived).length },
    ...(newest === undefined ? {} : { newest }),
    aliases: aliasesIn(container.properties.tags ?? {}),
  };
}
