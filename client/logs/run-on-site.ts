import type { JobId } from '../../domain/resource-names.ts';
import type { BlobContainer } from '../../services/blob-storage.ts';
import { readClientFile } from '../config/client-file.ts';
import { findConfig } from '../config/find-config.ts';
import { connectTemporal, type TemporalClient } from '../temporal/connect.ts';
import { findRunOrTrial, type FoundRun } from '../temporal/find-run.ts';
import { jobOfRun } from '../temporal/job-of-run.ts';
import { checkedRunId } from '../temporal/run-id.ts';
import { siteOf } from '../temporal/site-of-run.ts';
import { openRunContainer } from './run-container.ts';

/** A run or a trial, and where on its site lies what it left. */
export interface RunOnSite {
  readonly temporal: TemporalClient;
  readonly run: FoundRun;
  readonly site: string;
  readonly container: BlobContainer;
  readonly job: JobId;
}

/** `trouble` begins what is said where it cannot be found. @throws CommandError, ServiceError */
export async function openRunOnSite(
  given: string,
  options: { readonly site?: string; readonly config?: string },
  trouble: string,
): Promise<RunOnSite> {
  const workflowId = checkedRunId(given);
  const folder = findConfig(options.config);
  const clientFile = await readClientFile(folder);
  const temporal = await connectTemporal(folder, options.site);
  const run = await findRunOrTrial(temporal, workflowId, trouble);
  const site = siteOf(run, options.site);
  const container = await openRunContainer(clientFile, site);
  return { temporal, run, site, container, job: await jobOfRun(temporal, run) };
}
