import { jobId, siteRunPath } from '../../domain/resource-names.ts';
import { deleteBlobsBelow } from '../../services/delete-blobs.ts';
import { sha256 } from '../../services/signing.ts';
import { runContainer } from './plan-file.ts';
import type { SiteSession } from './site-session.ts';

/**
 * Removes what a cancelled run left in the run container: its plan, its outputs, a receipt for no version. Its log stays,
 * for whoever asks what it did. By what the job's name is made of, since a run may be cancelled before it knows its job.
 */
export async function discardRun(
  session: SiteSession,
  { workflowId, originalExecutionRunId }: { workflowId: string; originalExecutionRunId: string },
): Promise<void> {
  const job = jobId(sha256, workflowId, originalExecutionRunId);
  await deleteBlobsBelow(await runContainer(session), siteRunPath(job, ''), [siteRunPath(job, 'job.log')]);
}
