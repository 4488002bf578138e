import type { CloudActivities } from '../contract.ts';
import * as mlflow from '../../services/mlflow.ts';
import type { Cloud } from './cloud.ts';

type Request = Parameters<CloudActivities['logMetrics']>[0];

/** The first attempt sends; another finds out first what the one before it has sent. */
export async function logMetrics(cloud: Cloud, { run, points }: Request): Promise<void> {
  const tracking = await cloud.tracking(await cloud.workspace());
  await mlflow.logMetrics(tracking, { runId: run.runId, points, again: cloud.step.attempt > 1 });
}
