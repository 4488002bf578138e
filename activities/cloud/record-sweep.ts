import type { RecordedRun } from '../../domain/model-version.ts';
import type { SweepPlan } from '../../domain/sweep.ts';
import * as mlflow from '../../services/mlflow.ts';
import type { Cloud } from './cloud.ts';
import { commonTags } from './record-run.ts';

/** The sweep's own run, of which the trials' runs are children. */
export async function recordSweep(cloud: Cloud, { plan }: { plan: SweepPlan }): Promise<RecordedRun> {
  return mlflow.recordRun(await cloud.tracking(await cloud.workspace()), {
    experiment: plan.run.experiment,
    job: plan.job,
    name: plan.run.displayName,
    startTime: Date.now(),
    tags: { ...commonTags(plan), 'edge-train.trials': String(plan.trials.length) },
  });
}
