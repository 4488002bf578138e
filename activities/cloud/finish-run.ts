import type { CloudActivities } from '../contract.ts';
import * as mlflow from '../../services/mlflow.ts';
import type { Cloud } from './cloud.ts';

type Request = Parameters<CloudActivities['finishRun']>[0];

/** The exit code decided the status; MLflow's own word inside the script did not. */
export async function finishRun(cloud: Cloud, { run, status, completed }: Request): Promise<void> {
  await mlflow.finishRun(await cloud.tracking(await cloud.workspace()), {
    runId: run.runId,
    status,
    endTime: completed ? Date.parse(completed.endedAt) : Date.now(),
    ...(completed ? { parameters: completed.parameters, metrics: completed.metrics } : {}),
  });
}
