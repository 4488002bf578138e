import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { jobFolder } from './output-files.ts';

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
