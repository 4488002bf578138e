import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PreparedEnvironment } from '../../domain/completed-job.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { sha256 } from '../../services/signing.ts';
import { readyEnvironment, type Build } from './build-environment.ts';
import type { EdgeDependencies } from './dependencies.ts';
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

/** For the launcher: the digest of the environment of the job's server; undefined where it has none, as in an image. */
export async function trackingServerOf(
  edge: EdgeDependencies,
  { environment }: TrainingPlan,
): Promise<string | undefined> {
  if (environment.image || !(await readPolicy(edge)).trackingServer) return undefined;
  const folder = join(edge.home, 'environments');
  const ready = await readyEnvironment(join(folder, environment.digest));
  if (!ready || !hasMlflow(ready)) return undefined;
  const { digest } = await trackingServerBuild(edge);
  return (await readyEnvironment(join(folder, digest))) ? digest : undefined;
}
