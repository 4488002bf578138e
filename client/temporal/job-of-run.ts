import { jobId, type JobId } from '../../domain/resource-names.ts';
import { sha256 } from '../../services/signing.ts';
import type { TemporalClient } from './connect.ts';
import type { FoundRun } from './find-run.ts';
import { serviceTrouble } from './trouble.ts';

/** A run's job, worker or no worker: the name follows from the run's first event (a reset keeps it). */
export async function jobOfRun(temporal: TemporalClient, { workflowId, runId }: FoundRun): Promise<JobId> {
  const { client, namespace } = temporal;
  try {
    const { history } = await client.workflowService.getWorkflowExecutionHistory({
      namespace,
      execution: { workflowId, runId },
      maximumPageSize: 1,
    });
    const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
    return jobId(sha256, workflowId, started?.originalExecutionRunId || runId);
  } catch (error) {
    throw serviceTrouble(error, temporal, 'The run’s job cannot be found');
  }
}
