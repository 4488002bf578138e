import { hostname, userInfo } from 'node:os';
import { ChangeModelInput, ModelChangeResult } from '../../domain/model-change.ts';
import { changeWorkflowId } from '../../domain/resource-names.ts';
import { parse, shown } from '../../domain/validation.ts';
import { canonicalJson, sha256 } from '../../services/signing.ts';
import { chooseSite } from '../choose-site.ts';
import { refused } from '../command-error.ts';
import { findConfig } from '../config/find-config.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { readModelReference } from '../files/model-reference.ts';
import type { ModelChangeOutput } from './output.ts';
import { printJson } from '../show/json.ts';
import { printable } from '../show/text.ts';
import { askWorkflow } from '../temporal/ask.ts';
import { connectTemporal } from '../temporal/connect.ts';

export interface ChangeOptions {
  readonly alias?: string;
  readonly site?: string;
  readonly json?: boolean;
  readonly config?: string;
}

type Action = ChangeModelInput['action'];

/** `edge-train models promote|archive|restore MODEL:VERSION`: once begun it is done to its end, whether or not this command waits for it. */
export async function changeModel(action: Action, given: string, options: ChangeOptions): Promise<number> {
  const reference = readModelReference(given);
  if ('fault' in reference) throw wrong([reference.fault]);
  if (reference.version === undefined)
    throw wrong([{ path: 'model', rule: 'must be MODEL:VERSION', value: shown(given) }]);
  const folder = findConfig(options.config);
  const site = await chooseSite(folder, options.site, { nextStep: `See models ${action} --help.` });
  const { alias } = options;
  const input = { action, site, ...reference, by: caller(), ...(alias === undefined ? {} : { alias }) };
  const parsed = parse(ChangeModelInput, input);
  if (!parsed.ok)
    throw wrong(
      parsed.issues.map(({ path, rule }) =>
        path === 'alias' ? { path: '--alias', rule, value: shown(alias) } : { path, rule, value: shown(given) },
      ),
    );
  const change = parsed.value;
  const temporal = await connectTemporal(folder, site);
  const result = await askWorkflow(temporal, {
    ...{ workflow: 'changeModel', input: change, answer: ModelChangeResult },
    id: changeWorkflowId(site, change.model, sha256(canonicalJson(change))),
    summary: `${action} ${given}`,
    trouble: 'Whether the model was changed is not known',
  });
  if (options.json) printJson<ModelChangeOutput>({ ok: true, ...result });
  else process.stdout.write(`${printable(told(result))}\n`);
  return EXIT_CODE.done;
}

/** As the operating system says; it is written down, and nothing is decided by it. */
function caller(): string {
  return `${userName()}@${hostname()}`.slice(0, 100);
}

/** In a container a user need not have a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

function told({ model, version, alias, from, image, archived }: ModelChangeResult): string {
  if (archived !== undefined) return `${model} version ${version} is ${archived ? 'archived' : 'no longer archived'}`;
  const before = from === undefined ? '' : ` (before: version ${from})`;
  const where = image ? `, ${image.registry}/${image.repository}:${alias}` : '';
  return `${alias} is ${model} version ${version} now${before}${where}`;
}

const wrong = (faults: Parameters<typeof refused>[1]) =>
  refused('The change is refused; nothing was asked for.', faults, 'Correct what is named and run the command again.');
