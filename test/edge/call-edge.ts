import type { Duration } from '@temporalio/common';
import { proxyActivities } from '@temporalio/workflow';
import type { EdgeActivities } from '../../activities/contract.ts';

/** Asks one verb of a VM, as `trainModel` would; cancelling it cancels the step and waits for its end. */
export async function callEdge(
  queue: string,
  verb: keyof EdgeActivities,
  request?: unknown,
  heartbeatTimeout: Duration = '5 seconds',
): Promise<unknown> {
  const edge = proxyActivities<Record<string, (request?: unknown) => Promise<unknown>>>({
    taskQueue: queue,
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout,
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: { initialInterval: '100ms', backoffCoefficient: 1 },
  });
  return await edge[verb]!(request);
}
