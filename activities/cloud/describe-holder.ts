import { jobId } from '../../domain/resource-names.ts';
import type { Holder } from '../../domain/virtual-machine.ts';
import { sha256 } from '../../services/signing.ts';
import type { Workflows } from './temporal.ts';

/** WorkflowExecutionStatus.RUNNING; PAUSED is open too: https://github.com/temporalio/api, enums/v1/workflow.proto */
const OPEN = new Set([1, 8]);
const NOT_FOUND = 5;

/**
 * Open while the run that asked still runs, or while a reset of it does: a reset ends the old run and starts a new one with
 * the same `originalExecutionRunId`, so it is the same job, and it goes on believing that it holds what the old run held.
 * Anything else under that workflow id (a new start, a continue-as-new) is another job and asks for itself: closed.
 */
export async function describeHolder(workflows: Workflows, holder: Holder): Promise<'open' | 'closed'> {
  if (await isOpen(workflows, holder.workflowId, holder.runId)) return 'open';
  const newest = await describe(workflows, holder.workflowId);
  const runId = newest?.workflowExecutionInfo?.execution?.runId;
  if (!runId || runId === holder.runId || !OPEN.has(newest.workflowExecutionInfo?.status ?? 0)) return 'closed';
  const original = await originalRunId(workflows, holder.workflowId, runId);
  return jobId(sha256, holder.workflowId, original) === holder.job ? 'open' : 'closed';
}

async function isOpen(workflows: Workflows, workflowId: string, runId: string): Promise<boolean> {
  const found = await describe(workflows, workflowId, runId);
  return OPEN.has(found?.workflowExecutionInfo?.status ?? 0);
}

/** Undefined where the server knows no such run (any more). */
async function describe(workflows: Workflows, workflowId: string, runId?: string) {
  const { namespace } = workflows.options;
  try {
    return await workflows.workflowService.describeWorkflowExecution({
      namespace,
      execution: { workflowId, ...(runId === undefined ? {} : { runId }) },
    });
  } catch (error) {
    if ((error as { code?: unknown }).code === NOT_FOUND) return undefined;
    throw error;
  }
}

async function originalRunId(workflows: Workflows, workflowId: string, runId: string): Promise<string> {
  const { history } = await workflows.workflowService.getWorkflowExecutionHistory({
    namespace: workflows.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  return history?.events?.[0]?.workflowExecutionStartedEventAttributes?.originalExecutionRunId ?? '';
}
