import { SEARCH_ATTRIBUTE, type JobStatus } from '../../domain/search-attributes.ts';
import { WORKFLOW_TYPE } from '../../domain/signals.ts';

export interface RunFilter {
  readonly site?: string | undefined;
  readonly model?: string | undefined;
  readonly status?: JobStatus | undefined;
}

/** A visibility query (https://docs.temporal.io/list-filter) for runs; every value stands in quotes. */
export function runQuery({ site, model, status }: RunFilter): string {
  return [
    equals('WorkflowType', WORKFLOW_TYPE.trainModel),
    ...(site === undefined ? [] : [equals(SEARCH_ATTRIBUTE.site, site)]),
    ...(model === undefined ? [] : [equals(SEARCH_ATTRIBUTE.model, model)]),
    ...(status === undefined ? [] : [`(${standing(status)})`]),
  ].join(' AND ');
}

/** As `toRun` reads it: how Temporal closed a run comes before what the run said of itself. */
function standing(status: JobStatus): string {
  const closed = CLOSED[status];
  if (closed) return closed.map((each) => equals('ExecutionStatus', each)).join(' OR ');
  const said = equals(SEARCH_ATTRIBUTE.jobStatus, status);
  const unsaid = status === 'Queued' ? ` OR ${SEARCH_ATTRIBUTE.jobStatus} IS NULL` : '';
  return `${equals('ExecutionStatus', 'Running')} AND (${said}${unsaid})`;
}

const CLOSED: Partial<Record<JobStatus, readonly string[]>> = {
  Completed: ['Completed'],
  Failed: ['Failed', 'TimedOut'],
  Canceled: ['Canceled', 'Terminated'],
};

const equals = (name: string, value: string): string => `${name} = '${value.replace(/[\\']/g, '\\$&')}'`;
