import { DescribedModel, ShowModelInput } from '../../domain/model-catalog.ts';
import { parse, shown } from '../../domain/validation.ts';
import { chooseSite } from '../choose-site.ts';
import { refused } from '../command-error.ts';
import { findConfig } from '../config/find-config.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { readModelReference } from '../files/model-reference.ts';
import type { ModelOutput } from './output.ts';
import { printJson } from '../show/json.ts';
import { askWorkflow } from '../temporal/ask.ts';
import { connectTemporal } from '../temporal/connect.ts';
import { modelLines, versionLines } from './lines.ts';

/** `edge-train models show MODEL[:VERSION|@ALIAS]`: its versions, or where the one comes from. */
export async function showModel(
  given: string,
  options: { site?: string; json?: boolean; config?: string },
): Promise<number> {
  const reference = readModelReference(given);
  if ('fault' in reference) throw wrong([reference.fault]);
  const folder = findConfig(options.config);
  const site = await chooseSite(folder, options.site, { nextStep: 'See models show --help.' });
  const input = parse(ShowModelInput, { site, ...reference });
  if (!input.ok) throw wrong(input.issues.map(({ path, rule }) => ({ path, rule, value: shown(given) })));
  const model = await askWorkflow(await connectTemporal(folder, site), {
    ...{ workflow: 'showModel', input: input.value, answer: DescribedModel },
    ...{ id: `models-${site}`, summary: `Show ${given}`, patience: '2 minutes' },
    trouble: 'The model cannot be read',
  });
  if (options.json) printJson<ModelOutput>({ ok: true, ...model });
  else
    process.stdout.write(
      `${(model.version ? versionLines(model.model, model.version) : modelLines(model)).join('\n')}\n`,
    );
  return EXIT_CODE.done;
}

const wrong = (faults: Parameters<typeof refused>[1]) =>
  refused('There is no such model.', faults, 'Correct what is named and run the command again.');
