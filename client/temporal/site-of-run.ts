import { SiteName } from '../../domain/resource-names.ts';
import { parse } from '../../domain/validation.ts';
import { refused } from '../command-error.ts';
import type { FoundRun } from './find-run.ts';

/** Where a run's files are. @throws CommandError exit 2 where neither Temporal nor `--site` says */
export function siteOf({ site, workflowId }: FoundRun, given: string | undefined): string {
  const parsed = parse(SiteName, site ?? given);
  if (parsed.ok) return parsed.value;
  const fault = { path: '--site', rule: `is required: Temporal does not say at which site ${workflowId} runs` };
  throw refused('The run’s files are not found.', [fault], 'Name the site with --site.');
}
