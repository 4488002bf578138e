import { z } from 'zod';
import { ModelName, SiteName } from '../domain/resource-names.ts';
import { JOB_STATUSES } from '../domain/search-attributes.ts';
import { parse, shown } from '../domain/validation.ts';
import { refused, type Fault } from './command-error.ts';
import { readClientFile } from './config/client-file.ts';
import { findConfig } from './config/find-config.ts';
import { EXIT_CODE } from './exit-code.ts';
import type { ListOutput } from './output.ts';
import { printJson } from './show/json.ts';
import { table } from './show/table.ts';
import { durationText } from './show/text.ts';
import { connectTemporal, type TemporalClient } from './temporal/connect.ts';
import { toRun, type FoundRun } from './temporal/find-run.ts';
import { runQuery, type RunFilter } from './temporal/run-query.ts';
import { serviceTrouble } from './temporal/trouble.ts';
import { uiLink } from './temporal/ui-link.ts';

export interface ListOptions {
  readonly site?: string;
  readonly model?: string;
  readonly status?: string;
  readonly limit: string;
  readonly json?: boolean;
  readonly config?: string;
}

/** `edge-train list`: the runs of a namespace, those that go on first. */
export async function list(options: ListOptions): Promise<number> {
  const { limit, ...filter } = checked(options);
  const folder = findConfig(options.config);
  const { temporalUi } = await readClientFile(folder);
  const temporal = await connectTemporal(folder, filter.site);
  const found = await findRuns(temporal, filter, limit + 1);
  const more = found.length > limit;
  const runs = found.slice(0, limit);
  if (options.json) {
    const rows = runs.map(({ running: _, ...run }) => ({
      ...run,
      seconds: tookMs(run) / 1000,
      ...uiLink(temporalUi, temporal.namespace, run.workflowId, run.runId),
    }));
    printJson<ListOutput>({ ok: true, runs: rows, more });
  } else tell(runs, more, limit);
  return EXIT_CODE.done;
}

const Filter = z.object({
  site: SiteName.optional(),
  model: ModelName.optional(),
  status: z
    .string()
    .transform((text) => JOB_STATUSES.find((each) => each.toLowerCase() === text.toLowerCase()))
    .pipe(z.enum(JOB_STATUSES, `must be one of ${JOB_STATUSES.join(', ')}`))
    .optional(),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, 'must be a number from 1 to 1000')
    .transform(Number)
    .pipe(z.number().max(1000, 'must be a number from 1 to 1000')),
});

/** Nothing reaches a query that is not a name of ours. */
function checked(options: ListOptions): RunFilter & { limit: number } {
  const parsed = parse(Filter, options);
  if (parsed.ok) return parsed.value;
  const given = options as unknown as Record<string, unknown>;
  const faults = parsed.issues.map(({ path, rule }): Fault => ({ path: `--${path}`, rule, value: shown(given[path]) }));
  throw refused('The list is refused; nothing was asked.', faults, 'Correct what is named, or see list --help.');
}

async function findRuns(temporal: TemporalClient, filter: RunFilter, limit: number): Promise<FoundRun[]> {
  const runs: FoundRun[] = [];
  try {
    for await (const info of temporal.client.workflow.list({ query: runQuery(filter), pageSize: limit })) {
      runs.push(toRun(info));
      if (runs.length >= limit) break;
    }
    return runs;
  } catch (error) {
    throw serviceTrouble(error, temporal, 'Runs cannot be listed');
  }
}

function tell(runs: readonly FoundRun[], more: boolean, limit: number): void {
  const rows = runs.map((run) => [
    run.workflowId,
    run.site ?? '-',
    run.model ?? '-',
    run.jobStatus,
    run.virtualMachine ?? '-',
    run.startedAt.replace(/T(\d\d:\d\d):.*/, ' $1Z'),
    durationText(tookMs(run)),
  ]);
  const lines = rows.length > 0 ? table(HEAD, rows) : ['No run.'];
  if (more) lines.push(`The first ${limit}; see more with --limit, or ask for less by --site, --model, --status.`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

const HEAD = ['RUN', 'SITE', 'MODEL', 'STATUS', 'VM', 'STARTED', 'TOOK'];

function tookMs({ startedAt, endedAt }: Pick<FoundRun, 'startedAt' | 'endedAt'>): number {
  return Math.max(0, (endedAt === undefined ? Date.now() : Date.parse(endedAt)) - Date.parse(startedAt));
}
