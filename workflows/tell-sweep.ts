import { getExternalWorkflowHandle, isCancellation, log } from '@temporalio/workflow';
import type { MetricsBatch } from '../domain/metric-stream.ts';
import { SIGNAL } from '../domain/signals.ts';
import {
  due,
  heard,
  NOTHING_WATCHED,
  watched,
  type MetricWatch,
  type WatchedMetric,
} from '../domain/trial-intervals.ts';
import { toFailure } from './failure.ts';

/** Tells a trial's sweep how its primary metric stands, as far as the policy asks. A sweep that is closed is told nothing. */
export async function tellSweep(
  watch: MetricWatch,
  known: WatchedMetric | undefined,
  { points, ended }: MetricsBatch,
): Promise<WatchedMetric> {
  const { sweep, trial, objective } = watch;
  let state = known ?? NOTHING_WATCHED;
  for (const { name, value } of points)
    if (name === objective.primary_metric && value !== null) state = watched(state, watch, value);
  const intervals = due(state, watch, ended);
  if (intervals.length === 0) return state;
  try {
    const { workflowId, runId } = sweep;
    await getExternalWorkflowHandle(workflowId, runId).signal(SIGNAL.trialLogged, { trial, intervals, ended });
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('the sweep does not hear of its trial', { cause: toFailure(error).cause });
  }
  return heard(state);
}
