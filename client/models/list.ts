import { ModelList, type ModelSummary } from '../../domain/model-catalog.ts';
import { chooseSite } from '../choose-site.ts';
import { readClientFile } from '../config/client-file.ts';
import { findConfig } from '../config/find-config.ts';
import { EXIT_CODE } from '../exit-code.ts';
import type { ModelsOutput } from './output.ts';
import { printJson } from '../show/json.ts';
import { table } from '../show/table.ts';
import { askWorkflow } from '../temporal/ask.ts';
import { connectTemporal } from '../temporal/connect.ts';

/** `edge-train models list`: the models of each site, as Azure ML has them. */
export async function listModels(options: { site?: string; json?: boolean; config?: string }): Promise<number> {
  const folder = findConfig(options.config);
  const named = options.site === undefined ? Object.keys((await readClientFile(folder)).sites) : [];
  const sites = named.length > 0 ? named : [await chooseSite(folder, options.site, { nextStep: NEXT })];
  const models: ModelSummary[] = [];
  for (const site of sites) {
    const list = await askWorkflow(await connectTemporal(folder, site), {
      ...{ workflow: 'listModels', input: { site }, answer: ModelList },
      ...{ id: `models-${site}`, summary: `Models of ${site}`, patience: '2 minutes' },
      trouble: 'The models cannot be read',
    });
    models.push(...list.models);
  }
  if (options.json) printJson<ModelsOutput>({ ok: true, models });
  else
    process.stdout.write(`${(models.length > 0 ? table(HEAD, models.map(row)) : ['There is no model.']).join('\n')}\n`);
  return EXIT_CODE.done;
}

const NEXT = 'Name the site: edge-train models list --site NAME.';
const HEAD = ['MODEL', 'SITE', 'LATEST', 'VERSIONS', 'ALIASES'];

const row = ({ model, site, newest, versions, archived, aliases }: ModelSummary): string[] => [
  ...[model, site, newest === undefined ? '-' : String(newest)],
  archived === 0 ? String(versions) : `${versions} (${archived} archived)`,
  aliases.map(({ alias, version }) => `${alias} ${version}`).join(', ') || '-',
];
