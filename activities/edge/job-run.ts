import { access, chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TrainingPlan } from '../../domain/training-plan.ts';

/** MLflow's own word for the experiment of whoever names none, and its id. */
const DEFAULT = { name: 'Default', id: '0' } as const;

/**
 * Before a script starts for the first time: its own MLflow run, as Azure ML has it, in the folder store at `runs`. The script is
 * told of it (`MLFLOW_RUN_ID`, the job's id), so what it logs without further ado, at each start, is that run's. `artifacts`
 * is the URL of the store's artifacts. Its server may have made the store meanwhile, or not yet. Again is harmless.
 *
 * Layout: MLflow's FileStore, the same in 2 and 3 (mlflow/store/tracking/file_store.py).
 */
export async function makeJobRun(runs: string, artifacts: string, plan: TrainingPlan): Promise<void> {
  const { job, run } = plan;
  const id = run.experiment === DEFAULT.name ? DEFAULT.id : '1';
  if (await isThere(join(runs, id, job, 'meta.yaml'))) return;
  const draft = join(dirname(runs), '.job-run');
  await rm(draft, { recursive: true, force: true });
  const at = Date.now();
  await write(join(draft, 'runs'), {
    [`${DEFAULT.id}/meta.yaml`]: experiment(DEFAULT, artifacts, at),
    [`${id}/meta.yaml`]: experiment({ id, name: run.experiment }, artifacts, at),
  });
  await write(join(draft, 'run'), {
    'meta.yaml': yaml({
      artifact_uri: `${artifacts}${id}/${job}/artifacts`,
      end_time: null,
      entry_point_name: '',
      experiment_id: id,
      lifecycle_stage: 'active',
      run_id: job,
      run_name: run.displayName,
      run_uuid: job,
      source_name: '',
      source_type: 4,
      source_version: '',
      start_time: at,
      status: 1,
      tags: [],
      user_id: 'edge-train',
    }),
    'tags/mlflow.runName': run.displayName,
    'tags/mlflow.user': 'edge-train',
  });
  for (const name of ['metrics', 'params', 'artifacts']) await folder(join(draft, 'run', name));
  for (const path of ['run/tags', 'run/metrics', 'run/params', 'run/artifacts', 'run', `runs/${id}`, 'runs/0', 'runs'])
    await chmod(join(draft, path), 0o770);
  await put(join(draft, 'runs'), runs);
  await put(join(draft, 'runs', id), join(runs, id));
  await put(join(draft, 'run'), join(runs, id, job));
  await rm(draft, { recursive: true, force: true });
}

/** Whole or not at all; what is there already stays. */
async function put(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: NodeJS.ErrnoException) => {
    if (!['EEXIST', 'ENOTEMPTY', 'ENOENT'].includes(error.code ?? '')) throw error;
  });
}

const experiment = ({ id, name }: { id: string; name: string }, artifacts: string, at: number): string =>
  yaml({
    artifact_location: `${artifacts}${id}`,
    creation_time: at,
    experiment_id: id,
    last_update_time: at,
    lifecycle_stage: 'active',
    name,
  });

/** JSON's scalars are YAML's. */
const yaml = (values: Record<string, unknown>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join('');

/** Readable and writable by the job's group, whose server, or whose script, goes on with it. */
async function write(top: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await folder(dirname(join(top, path)));
    await writeFile(join(top, path), text);
    await chmod(join(top, path), 0o660);
  }
}

/** Its mode comes last, since new files take their group from the folder. */
async function folder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
