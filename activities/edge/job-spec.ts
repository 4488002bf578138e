import { join } from 'node:path';
import { CAGE, CHECKPOINTS, DEFAULT_OUTPUT, type TrainingPlan } from '../../domain/training-plan.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { imageVariables } from './job-place.ts';
import type { Tracking } from './tracking-store.ts';
import { writeWhole } from './write-whole.ts';

/** What the in-cage helper reads: the command, its variables, and the folders to make for outputs. */
export interface JobSpec {
  readonly command: string;
  readonly environmentVariables: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, 'folder' | 'file'>>;
  /** Where the job runs in an image: that image's own variables. */
  readonly imageEnvironment?: Readonly<Record<string, string>>;
}

/** `tracking`: where it logs with MLflow, and to which run. */
export async function jobSpec(edge: EdgeDependencies, plan: TrainingPlan, tracking: Tracking): Promise<JobSpec> {
  const ours = {
    AZUREML_RUN_ID: plan.job,
    AZUREML_EXPERIMENT_NAME: plan.run.experiment,
    AZUREML_CHECKPOINT_DIR: `${CAGE.outputs}/${CHECKPOINTS}`,
    MLFLOW_TRACKING_URI: tracking.uri,
    ...(tracking.run === undefined ? {} : { MLFLOW_RUN_ID: tracking.run }),
    // For a script that names a folder itself: MLflow 3.13 and later want to be told that this is meant.
    MLFLOW_ALLOW_FILE_STORE: 'true',
    MLFLOW_EXPERIMENT_NAME: plan.run.experiment,
    ...Object.fromEntries(plan.inputs.map(({ name }) => [`AZUREML_DATAREFERENCE_${name}`, `${CAGE.inputs}/${name}`])),
    ...Object.fromEntries(plan.outputs.map(({ name }) => [`AZURE_ML_OUTPUT_${name}`, `${CAGE.outputs}/${name}`])),
    AZURE_ML_OUTPUT_default: `${CAGE.outputs}/${DEFAULT_OUTPUT}`,
  };
  const imageEnvironment = await imageVariables(edge, plan);
  const outputs = plan.outputs
    .filter(({ name }) => name !== DEFAULT_OUTPUT)
    .map(({ name, type }) => [name, type === 'uri_file' ? 'file' : 'folder'] as const);
  return {
    command: plan.command,
    environmentVariables: { ...ours, ...plan.environmentVariables },
    outputs: Object.fromEntries(outputs),
    ...(imageEnvironment ? { imageEnvironment } : {}),
  };
}

export async function writeJobSpec(jobFolder: string, spec: JobSpec): Promise<void> {
  await writeWhole(join(jobFolder, 'spec', 'spec.json'), JSON.stringify(spec));
}
