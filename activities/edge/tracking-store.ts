import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { CAGE, type TrainingPlan } from '../../domain/training-plan.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { makeJobRun } from './job-run.ts';
import { jobFolder } from './output-files.ts';
import { canLog } from './tracking-server.ts';

/** Where what a script logs with MLflow lies on the VM, for whoever reads it. */
export interface TrackingStore {
  /** MLflow's folder store: `EXPERIMENT/RUN/{meta.yaml,params,metrics,tags}`, `EXPERIMENT/models/m-…`. */
  readonly runs: string;
  /** `EXPERIMENT/RUN/artifacts/…`, `EXPERIMENT/models/m-…/artifacts/…`: what was logged is the script's content. */
  readonly artifacts: string;
}

/**
 * The store of a job's tracking server; where its environment has no MLflow, the folder that `MLFLOW_TRACKING_URI` names in
 * the cage, for a script that brings its own. Absent as long as nothing was logged.
 */
export async function trackingStore(home: string, job: string): Promise<TrackingStore> {
  const served = join(jobFolder(home, job), 'tracking');
  const isServed = await access(served).then(
    () => true,
    () => false,
  );
  if (isServed) return { runs: join(served, 'runs'), artifacts: join(served, 'artifacts') };
  const folder = join(jobFolder(home, job), 'outputs', 'mlruns');
  return { runs: folder, artifacts: folder };
}

/** What a script is told of its tracking: a URL, and its own run where there is one. */
export interface Tracking {
  readonly uri: string;
  readonly run?: string;
}

/** Before a job's first start: its MLflow run, where it is known to have MLflow. */
export async function prepareTracking(edge: EdgeDependencies, plan: TrainingPlan, served: boolean): Promise<Tracking> {
  const uri = served ? CAGE.tracking : `file://${CAGE.outputs}/mlruns`;
  if (!served && !(await canLog(edge, plan))) return { uri };
  const { runs } = await trackingStore(edge.home, plan.job);
  await makeJobRun(runs, served ? 'mlflow-artifacts:/' : `${uri}/`, plan);
  return { uri, run: plan.job };
}
