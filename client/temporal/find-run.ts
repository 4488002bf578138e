import type { WorkflowExecutionInfo } from '@temporalio/client';
import { SEARCH_ATTRIBUTE, JOB_STATUSES, type JobStatus } from '../../domain/search-attributes.ts';
import { WORKFLOW_TYPE } from '../../domain/signals.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { CommandError } from '../command-error.ts';
import type { TemporalClient } from './connect.ts';
import { noSuchRun } from './start-training.ts';
import { serviceTrouble } from './trouble.ts';

/** What Temporal itself knows of a run, worker or no worker. */
export interface FoundRun {
  readonly workflowId: string;
  readonly runId: string;
  readonly running: boolean;
  readonly site?: string;
  readonly model?: string;
  readonly virtualMachine?: string;
  readonly jobStatus: JobStatus;
  readonly startedAt: string;
  readonly endedAt?: string;
}

/** @throws CommandError exit 2 where there is no such run, or it is no training */
export async function findRun(
  temporal: TemporalClient,
  workflowId: string,
  doing: string,
  onlyRunId?: string,
): Promise<FoundRun> {
  return find([WORKFLOW_TYPE.trainModel], temporal, workflowId, doing, onlyRunId);
}

/** The same for what has a log of its own: a sweep's trial is no run, but has one. */
export async function findRunOrTrial(
  temporal: TemporalClient,
  workflowId: string,
  doing: string,
  onlyRunId?: string,
): Promise<FoundRun> {
  return find([WORKFLOW_TYPE.trainModel, WORKFLOW_TYPE.trial], temporal, workflowId, doing, onlyRunId);
}

/** The same, or a deployment: `status`, `watch` and `cancel` take both. */
export async function findRunOrDeployment(
  temporal: TemporalClient,
  workflowId: string,
  doing: string,
): Promise<{ readonly run: FoundRun; readonly isDeployment: boolean }> {
  const { type, ...found } = await describe(temporal, workflowId, doing, undefined);
  const isDeployment = type === WORKFLOW_TYPE.deployModel;
  if (!isDeployment && type !== WORKFLOW_TYPE.trainModel) throw noTraining(workflowId, type);
  return { run: toRun(found), isDeployment };
}

async function find(
  types: readonly string[],
  temporal: TemporalClient,
  workflowId: string,
  doing: string,
  onlyRunId: string | undefined,
): Promise<FoundRun> {
  const { type, ...found } = await describe(temporal, workflowId, doing, onlyRunId);
  if (!types.includes(type)) throw noTraining(workflowId, type);
  return toRun(found);
}

async function describe(
  temporal: TemporalClient,
  workflowId: string,
  doing: string,
  onlyRunId: string | undefined,
): Promise<Info & Pick<WorkflowExecutionInfo, 'type'>> {
  try {
    return await temporal.client.workflow.getHandle(workflowId, onlyRunId).describe();
  } catch (error) {
    if ((error as Error).name === 'WorkflowNotFoundError') throw noSuchRun(workflowId, temporal);
    throw serviceTrouble(error, temporal, doing);
  }
}

type Info = Omit<WorkflowExecutionInfo, 'raw' | 'type'>;

/** Search attributes first, then what the workflow wrote in its memo. */
export function toRun(info: Info): FoundRun {
  const { workflowId, runId, status, startTime, closeTime } = info;
  const { site, model } = SEARCH_ATTRIBUTE;
  const [where, what] = [keyword(info, site) ?? noted(info, 'site'), keyword(info, model) ?? noted(info, 'model')];
  const machine = keyword(info, SEARCH_ATTRIBUTE.virtualMachine);
  return {
    ...{ workflowId, runId, running: status.name === 'RUNNING' },
    ...(where === undefined ? {} : { site: where }),
    ...(what === undefined ? {} : { model: what }),
    ...(machine === undefined ? {} : { virtualMachine: machine }),
    jobStatus: jobStatus(info),
    startedAt: startTime.toISOString(),
    ...(closeTime === undefined ? {} : { endedAt: closeTime.toISOString() }),
  };
}

/** How Temporal has closed it is the last word: a run that was terminated could not say so itself. */
function jobStatus(info: Info): JobStatus {
  switch (info.status.name) {
    case 'COMPLETED':
      return 'Completed';
    case 'FAILED':
    case 'TIMED_OUT':
      return 'Failed';
    case 'CANCELLED':
    case 'TERMINATED':
      return 'Canceled';
    default:
      return JOB_STATUSES.find((each) => each === keyword(info, SEARCH_ATTRIBUTE.jobStatus)) ?? 'Queued';
  }
}

function keyword(info: Info, name: string): string | undefined {
  return info.typedSearchAttributes.get({ name, type: 'KEYWORD' });
}

function noted(info: Info, name: string): string | undefined {
  const value = info.memo?.[name];
  return typeof value === 'string' ? value : undefined;
}

function noTraining(workflowId: string, type: string): CommandError {
  return new CommandError(EXIT_CODE.refused, {
    class: 'input',
    type: 'NoSuchRun',
    cause: `${workflowId} is a workflow of type ${type}, and no run.`,
    nextStep: 'Runs are listed by `edge-train list`.',
  });
}
