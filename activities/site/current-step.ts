import { Context } from '@temporalio/activity';
import { sha256 } from '../../services/signing.ts';
import type { Step } from './dependencies.ts';

/** The activity that Temporal runs here now. */
export function currentStep(): Step {
  const context = Context.current();
  const { workflowExecution, activityId, heartbeatDetails } = context.info;
  return {
    signal: context.cancellationSignal,
    resumed: heartbeatDetails as unknown,
    heartbeat: (state) => context.heartbeat(state),
    request: sha256(`${workflowExecution?.workflowId}\n${workflowExecution?.runId}\n${activityId}`).slice(0, 20),
  };
}
