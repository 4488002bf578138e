import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PreparedEnvironment } from '../../domain/completed-job.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { sha256 } from '../../services/signing.ts';
import { readyEnvironment, type Build } from './build-environment.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { imageHasMlflow } from './job-place.ts';
import { readPolicy } from './policy.ts';

/** MLflow 3.13 and later run on no older one. */
const PYTHON = '>=3.10';

/** Whether a script in this environment can log with MLflow, and so is to have a tracking server. */
export const hasMlflow = ({ packages }: PreparedEnvironment): boolean =>
  packages.some((name) => /^mlflow(-skinny)?==/.test(name));

/** The server's own environment, the same for all jobs: a script's MLflow, of whatever version, is not asked to serve. */
export async function trackingServerBuild(edge: EdgeDependencies): Promise<Build> {
  const lock = await readFile(edge.trackingLock, 'utf8');
  return {
    name: 'of the MLflow tracking server',
    python: PYTHON,
    requirements: [],
    lock,
    digest: sha256(`tracking server, python ${PYTHON}\n${lock}`),
  };
}

/** For the launcher: the digest of the environment of the job's server; undefined where it has none. */
export async function trackingServerOf(
  edge: EdgeDependencies,
  plan: Pick<TrainingPlan, 'environment'>,
): Promise<string | undefined> {
  if (!(await readPolicy(edge)).trackingServer || !(await canLog(edge, plan))) return undefined;
  const folder = join(edge.home, 'environments');
  const { digest } = await trackingServerBuild(edge);
  return (await readyEnvironment(join(folder, digest))) ? digest : undefined;
}

/** Whether a script can log with MLflow where the job runs, as far as is known. */
export async function canLog(edge: EdgeDependencies, plan: Pick<TrainingPlan, 'environment'>): Promise<boolean> {
  if (plan.environment.image) return await imageHasMlflow(edge, plan);
  const ready = await readyEnvironment(join(edge.home, 'environments', plan.environment.digest));
  return ready !== undefined && hasMlflow(ready);
}
