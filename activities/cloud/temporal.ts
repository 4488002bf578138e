import type { WorkflowClient } from '@temporalio/client';
import { CLOUD_QUEUE, modelWorkflowId, virtualMachineWorkflowId } from '../../domain/resource-names.ts';
import { SIGNAL, WORKFLOW_TYPE } from '../../domain/signals.ts';

/** The namespace that the worker itself is in. */
export type Workflows = Pick<
  WorkflowClient,
  'signalWithStart' | 'connection' | 'workflowService' | 'options' | 'withDeadline'
>;

/** Revives the VM's workflow if it has completed. */
export async function signalVirtualMachine(
  workflows: Workflows,
  name: string,
  signal: typeof SIGNAL.requestLease | typeof SIGNAL.returnLease,
  argument: unknown,
): Promise<void> {
  await workflows.signalWithStart(WORKFLOW_TYPE.virtualMachine, {
    workflowId: virtualMachineWorkflowId(name),
    taskQueue: CLOUD_QUEUE,
    args: [{ name }],
    signal,
    signalArgs: [argument],
    staticSummary: `VM ${name}`,
  });
}

export async function signalModel(
  workflows: Workflows,
  name: string,
  signal: (typeof SIGNAL)['requestRegistration' | 'withdrawRegistration' | 'requestChange'],
  argument: unknown,
): Promise<void> {
  await workflows.signalWithStart(WORKFLOW_TYPE.model, {
    workflowId: modelWorkflowId(name),
    taskQueue: CLOUD_QUEUE,
    args: [{ name }],
    signal,
    signalArgs: [argument],
    staticSummary: `model ${name}`,
  });
}
