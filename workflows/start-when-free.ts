import { WorkflowExecutionAlreadyStartedError, type Duration, type Workflow } from '@temporalio/common';
import { sleep, startChild, type ChildWorkflowHandle, type ChildWorkflowOptions } from '@temporalio/workflow';

/** Starts a child as soon as no other workflow has its id; asks again every `wait`. `waiting` is told once, when it begins to. */
export async function startWhenFree(
  type: string,
  wait: Duration,
  options: ChildWorkflowOptions & { args: unknown[] },
  waiting?: () => void,
): Promise<ChildWorkflowHandle<Workflow>> {
  for (let tries = 1; ; tries++) {
    try {
      return await startChild(type, options);
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      if (tries === 1) waiting?.();
      await sleep(wait);
    }
  }
}
