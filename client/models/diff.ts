import { CompareVersionsInput, VersionComparison } from '../../domain/model-comparison.ts';
import { parse, shown } from '../../domain/validation.ts';
import { chooseSite } from '../choose-site.ts';
import { refused } from '../command-error.ts';
import { findConfig } from '../config/find-config.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { readModelReference } from '../files/model-reference.ts';
import type { ModelDiffOutput } from './output.ts';
import { printJson } from '../show/json.ts';
import { askWorkflow } from '../temporal/ask.ts';
import { connectTemporal } from '../temporal/connect.ts';
import { comparisonLines } from './comparison-lines.ts';

/** `edge-train models diff ONE OTHER`: what two versions differ in. `OTHER` may leave out a model that is the same. */
export async function diffVersions(
  given: readonly [string, string],
  options: { site?: string; json?: boolean; config?: string },
): Promise<number> {
  const one = readModelReference(given[0]);
  if ('fault' in one) throw wrong([{ ...one.fault, path: 'one' }]);
  const other = readModelReference(withModel(one.model, given[1]));
  if ('fault' in other) throw wrong([{ ...other.fault, path: 'other' }]);
  const folder = findConfig(options.config);
  const site = await chooseSite(folder, options.site, { nextStep: 'See models diff --help.' });
  const input = parse(CompareVersionsInput, { site, one, other });
  if (!input.ok)
    throw wrong(
      input.issues.map(({ path, rule }) => ({
        path,
        rule,
        value: shown(path.startsWith('other') ? given[1] : given[0]),
      })),
    );
  const comparison = await askWorkflow(await connectTemporal(folder, site), {
    ...{ workflow: 'compareVersions', input: input.value, answer: VersionComparison },
    ...{ id: `models-${site}`, summary: `Compare ${given.join(' and ')}`, patience: '2 minutes' },
    trouble: 'The versions cannot be read',
  });
  if (options.json) printJson<ModelDiffOutput>({ ok: true, ...comparison });
  else process.stdout.write(`${comparisonLines(comparison).join('\n')}\n`);
  return EXIT_CODE.done;
}

/** `3`, `:3` and `@champion` are of the same model. */
function withModel(model: string, given: string): string {
  if (/^[:@]/.test(given)) return `${model}${given}`;
  return /^\d+$/.test(given) ? `${model}:${given}` : given;
}

const wrong = (faults: Parameters<typeof refused>[1]) =>
  refused('There is nothing to compare.', faults, 'Correct what is named and run the command again.');
