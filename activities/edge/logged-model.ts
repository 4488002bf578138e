import { copyFile, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { jobFolder, outputFolder, walk, type OutputFile } from './output-files.ts';
import { trackingStore } from './tracking-store.ts';

/**
 * A script may leave its model with `mlflow.*.log_model` and nowhere else. Where the model's output is empty and just one
 * model was logged, that one is copied there, so that it goes the way of any other. Of several none is: which is meant is for
 * `model.path` to say. Again is harmless.
 */
export async function adoptLoggedModel(home: string, plan: TrainingPlan): Promise<void> {
  const { job, model } = plan;
  if (model.type !== 'mlflow_model') return;
  const target = join(outputFolder(home, job, model.output), model.path);
  if (!(await isEmpty(jobFolder(home, job), target))) return;
  const [only, ...others] = await loggedModels(home, job);
  if (!only || others.length > 0) return;
  const draft = join(jobFolder(home, job), 'spec', 'logged-model');
  await rm(draft, { recursive: true, force: true });
  for (const { path, absolute } of only) {
    await mkdir(dirname(join(draft, path)), { recursive: true });
    await copyFile(absolute, join(draft, path));
  }
  await mkdir(target, { recursive: true });
  // Whole or not at all: onto an empty folder.
  await rename(draft, target);
}

/** The files of each model that was logged, by their paths below it: MLflow 2's among a run's artifacts, MLflow 3's beside the runs. */
export async function loggedModels(home: string, job: string): Promise<OutputFile[][]> {
  const { files } = await walk((await trackingStore(home, job)).artifacts);
  const folders = files.filter(({ path }) => path.endsWith('/MLmodel')).map(({ path }) => dirname(path));
  // A model may hold others as its parts.
  const topmost = folders.filter((folder) => !folders.some((other) => folder.startsWith(`${other}/`)));
  return topmost.map((folder) =>
    files
      .filter(({ path }) => path.startsWith(`${folder}/`))
      .map((file) => ({ ...file, path: file.path.slice(folder.length + 1) })),
  );
}

/** Nothing is there, and no link on the way there from the job's folder, which is root's. */
async function isEmpty(folder: string, target: string): Promise<boolean> {
  const parts = target.slice(folder.length + 1).split('/');
  for (let count = 1; count < parts.length; count += 1) {
    const stat = await lstat(join(folder, ...parts.slice(0, count))).catch(() => undefined);
    if (stat && !stat.isDirectory()) return false;
  }
  const there = await lstat(target).catch(() => undefined);
  return !there || (there.isDirectory() && (await readdir(target)).length === 0);
}
