import { bytesText } from '../../domain/amount-text.ts';
import { CleanedRegistry, CleanRegistryInput, type CleanedRepository } from '../../domain/registry-cleaning.ts';
import { cleanWorkflowId } from '../../domain/resource-names.ts';
import { parse, shown } from '../../domain/validation.ts';
import { canonicalJson, sha256 } from '../../services/signing.ts';
import { chooseSite } from '../choose-site.ts';
import { refused } from '../command-error.ts';
import { findConfig } from '../config/find-config.ts';
import { EXIT_CODE } from '../exit-code.ts';
import type { RegistryCleanedOutput } from '../models/output.ts';
import { printJson } from '../show/json.ts';
import { table } from '../show/table.ts';
import { askWorkflow } from '../temporal/ask.ts';
import { connectTemporal } from '../temporal/connect.ts';

export interface CleanOptions {
  readonly model?: string;
  readonly olderThan?: string;
  readonly dryRun?: boolean;
  readonly site?: string;
  readonly json?: boolean;
  readonly config?: string;
}

/** `edge-train registry gc`: images that nobody needs; with `--dry-run` they are told, and stay. */
export async function cleanRegistry(options: CleanOptions): Promise<number> {
  const folder = findConfig(options.config);
  const site = await chooseSite(folder, options.site, { nextStep: 'See registry gc --help.' });
  const { model, olderThan, dryRun = false } = options;
  const parsed = parse(CleanRegistryInput, {
    ...{ site, dryRun },
    ...(model === undefined ? {} : { model }),
    ...(olderThan === undefined ? {} : { olderThanHours: Number(olderThan) }),
  });
  if (!parsed.ok)
    throw wrong(
      parsed.issues.map(({ path, rule }) =>
        path === 'model'
          ? { path: '--model', rule, value: shown(model) }
          : { path: '--older-than', rule, value: shown(olderThan) },
      ),
    );
  const input = parsed.value;
  const cleaned = await askWorkflow(await connectTemporal(folder, site), {
    ...{ workflow: 'cleanRegistry', input, answer: CleanedRegistry },
    id: cleanWorkflowId(site, sha256(canonicalJson(input))),
    summary: `${dryRun ? 'Look for' : 'Remove'} images of ${model ?? site} that nobody needs`,
    trouble: 'What became of the images is not known',
  });
  if (options.json) printJson<RegistryCleanedOutput>({ ok: true, ...cleaned });
  else process.stdout.write(`${lines(cleaned).join('\n')}\n`);
  return EXIT_CODE.done;
}

function lines({ dryRun, repositories }: CleanedRegistry): string[] {
  const rows = repositories.flatMap(({ repository, removed }) =>
    removed.map(({ digest, tags, why }) => [repository, digest, tags.join(', ') || '-', WHY[why]]),
  );
  const young = repositories.reduce((sum, { tooYoung }) => sum + tooYoung, 0);
  const left = young > 0 ? [`${young} more would go if they were older: a run may be making them.`] : [];
  if (rows.length === 0) return ['Nothing is there that nobody needs.', ...left];
  const bytes = repositories.reduce((sum, each: CleanedRepository) => sum + each.bytes, 0);
  const verb = dryRun ? 'Would be removed' : 'Removed';
  return [
    ...table(['REPOSITORY', 'DIGEST', 'TAGS', 'WHY'], rows),
    `${verb}: ${rows.length}, ${bytesText(bytes)}, as far as no other repository has the same content.`,
    ...left,
  ];
}

const WHY = {
  'no-version': 'its version is not registered',
  untagged: 'nothing names it',
  attached: 'attached to what is not needed',
} as const;

const wrong = (faults: Parameters<typeof refused>[1]) =>
  refused('Nothing was removed.', faults, 'Correct what is named and run the command again.');
