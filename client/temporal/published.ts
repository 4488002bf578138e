import { PublishedMetrics } from '../../domain/metric-stream.ts';
import { metricsWorkflowId, type JobId } from '../../domain/resource-names.ts';
import type { TemporalClient } from './connect.ts';

/** How many of a job's numbers are in Azure ML by now; undefined where nobody answers. */
export async function askPublished({ client }: TemporalClient, job: JobId): Promise<number | undefined> {
  try {
    const carrier = client.workflow.getHandle(metricsWorkflowId(job));
    const answer = await client.withDeadline(Date.now() + 5_000, () => carrier.query('published'));
    return PublishedMetrics.parse(answer).points;
  } catch {
    return undefined;
  }
}
