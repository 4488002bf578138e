import type { WorkflowStartOptions } from '@temporalio/client';
import { CLOUD_QUEUE, trainWorkflowId } from '../../domain/resource-names.ts';
import { SEARCH_ATTRIBUTE } from '../../domain/search-attributes.ts';
import { WORKFLOW_TYPE } from '../../domain/signals.ts';
import type { TrainModelInput } from '../../domain/train-model-input.ts';
import { canonicalJson, sha256 } from '../../services/signing.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { CommandError } from '../command-error.ts';
import type { TemporalClient } from './connect.ts';
import { serviceTrouble } from './trouble.ts';

type SearchAttributes = NonNullable<WorkflowStartOptions['typedSearchAttributes']>;

export interface StartedRun {
  readonly workflowId: string;
  readonly runId: string;
  /** True when the same training ran already: this command watches that one. */
  readonly joined: boolean;
}

/** So that a run is found before a worker has seen it. */
export function searchAttributes({ site, model }: { site: string; model: { name: string } }): SearchAttributes {
  return [
    { key: { name: SEARCH_ATTRIBUTE.site, type: 'KEYWORD' }, value: site },
    { key: { name: SEARCH_ATTRIBUTE.model, type: 'KEYWORD' }, value: model.name },
  ];
}

/** The same training on the same site has the same id, so what is running is returned and never started twice. */
export function workflowIdOf(input: TrainModelInput): string {
  return trainWorkflowId(input.site, input.model.name, sha256(canonicalJson(input)));
}

/** @throws CommandError exit 3, or 1 when the server refuses */
export async function startTraining(temporal: TemporalClient, input: TrainModelInput): Promise<StartedRun> {
  const workflowId = workflowIdOf(input);
  const running = await runningRun(temporal, workflowId);
  try {
    const handle = await temporal.client.workflow.start(WORKFLOW_TYPE.trainModel, {
      workflowId,
      taskQueue: CLOUD_QUEUE,
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `Train ${input.model.name} at ${input.site}`,
      typedSearchAttributes: searchAttributes(input),
    });
    const runId = handle.firstExecutionRunId;
    return { workflowId, runId, joined: runId === running };
  } catch (error) {
    throw serviceTrouble(error, temporal, 'The run was not started');
  }
}

async function runningRun(temporal: TemporalClient, workflowId: string): Promise<string | undefined> {
  try {
    const { status, runId } = await temporal.client.workflow.getHandle(workflowId).describe();
    return status.name === 'RUNNING' ? runId : undefined;
  } catch (error) {
    if ((error as Error).name === 'WorkflowNotFoundError') return undefined;
    throw serviceTrouble(error, temporal, 'The run was not started');
  }
}

/** No such run in this namespace. */
export function noSuchRun(workflowId: string, { address, namespace }: TemporalClient): CommandError {
  return new CommandError(EXIT_CODE.refused, {
    class: 'input',
    type: 'NoSuchRun',
    cause: `There is no run ${workflowId} in the namespace ${namespace} of ${address}.`,
    nextStep: '`edge-train run` prints the id that `status` takes. A site with a profile of its own needs --site.',
  });
}
