import { WorkflowExecutionAlreadyStartedError, type Duration, type Workflow } from '@temporalio/common';
import { sleep, startChild, type ChildWorkflowHandle, type ChildWorkflowOptions } from '@temporalio/workflow';

export interface Patience {
  /** How long until it is tried again. */
  readonly wait: Duration;
  /** How often it is tried; absent: until it can be started. */
  readonly most?: number;
  /** Told once, when the waiting begins. */
  readonly waiting?: () => void;
}

/** Starts a child as soon as no other workflow has its id. @throws WorkflowExecutionAlreadyStartedError after `most` tries */
export async function startWhenFree(
  type: string,
  options: ChildWorkflowOptions & { args: unknown[] },
  { wait, most = Infinity, waiting }: Patience,
): Promise<ChildWorkflowHandle<Workflow>> {
  for (let tries = 1; ; tries++) {
    try {
      return await startChild(type, options);
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError) || tries >= most) throw error;
      if (tries === 1) waiting?.();
      await sleep(wait);
    }
  }
}
