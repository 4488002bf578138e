import type { DeployModelInput } from '../../domain/deployment.ts';
import { CLOUD_QUEUE, deployWorkflowId } from '../../domain/resource-names.ts';
import { WORKFLOW_TYPE } from '../../domain/signals.ts';
import { CommandError } from '../command-error.ts';
import { EXIT_CODE } from '../exit-code.ts';
import type { TemporalClient } from './connect.ts';
import { searchAttributes, type StartedRun } from './start-training.ts';
import { serviceTrouble } from './trouble.ts';

/**
 * One deployment of a model goes on at a time: where one does, this is not started, and it is not watched for it either.
 * @throws CommandError exit 2 then; 3, or 1 when the server refuses
 */
export async function startDeployment(temporal: TemporalClient, input: DeployModelInput): Promise<StartedRun> {
  const { site, model, action, version, alias, to } = input;
  const workflowId = deployWorkflowId(site, model, to);
  const what = `${model}${version === undefined ? '' : `:${version}`}${alias === undefined ? '' : `@${alias}`}`;
  try {
    const handle = await temporal.client.workflow.start(WORKFLOW_TYPE.deployModel, {
      workflowId,
      taskQueue: CLOUD_QUEUE,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `${action} ${what} ${to === undefined ? `at ${site}` : `of ${site} in the cloud`}`,
      typedSearchAttributes: searchAttributes({ site, model: { name: model } }),
    });
    return { workflowId, runId: handle.firstExecutionRunId, joined: false };
  } catch (error) {
    if ((error as Error).name === 'WorkflowExecutionAlreadyStartedError') throw goesOn(workflowId);
    throw serviceTrouble(error, temporal, 'The deployment was not started');
  }
}

function goesOn(workflowId: string): CommandError {
  return new CommandError(EXIT_CODE.refused, {
    class: 'input',
    type: 'DeploymentGoesOn',
    cause: `Another deployment of the model goes on: ${workflowId}.`,
    nextStep: `Wait for its end (edge-train watch ${workflowId}) or cancel it, and run the command again.`,
  });
}
