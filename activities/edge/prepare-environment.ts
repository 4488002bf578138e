import { cancellationSignal, heartbeat } from '@temporalio/activity';
import type { PreparedEnvironment } from '../../domain/completed-job.ts';
import type { EnvironmentPlan } from '../../domain/environment.ts';
import type { SealedGrant } from '../../domain/grant.ts';
import { ServiceError } from '../../services/errors.ts';
import { buildEnvironment, type Build, readyEnvironment } from './build-environment.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { imageHasMlflow } from './job-place.ts';
import { readPolicy } from './policy.ts';
import { pullImage } from './pull-image.ts';
import { hasMlflow, trackingServerBuild } from './tracking-server.ts';

const preparing = new Map<string, Promise<unknown>>();

/**
 * What a job runs in: a Python environment that is named by what it is made of, or the tree of a container image, each made
 * once a VM, before any data is in reach, and whole when it is there. Where it has MLflow, that of the tracking
 * server which its jobs will have is made too. Minutes; heartbeats.
 * @throws ServiceError `EnvironmentUnsolvable`, `PythonNotOffered`, `ImageUnusable` (input), `ImageDiffers`, `UplinkDenied`
 * (policy), `PackageIndexUnreachable`, `GrantExpired` …
 */
export async function prepareEnvironment(
  edge: EdgeDependencies,
  plan: EnvironmentPlan,
  grants: readonly SealedGrant[],
): Promise<PreparedEnvironment> {
  if (plan.image) {
    const { image } = plan;
    const place = await edge.launcher.image(image.digest);
    const made = place.sealed
      ? { digest: image.digest, lock: image.digest, packages: [], cached: true }
      : await once(place.path, () => pullImage(edge, image, place.path, grants));
    if (await wantsServer(edge, await imageHasMlflow(edge, { environment: plan }))) await prepareTrackingServer(edge);
    return made;
  }
  const prepared = await prepare(edge, plan);
  if (await wantsServer(edge, hasMlflow(prepared))) await prepareTrackingServer(edge);
  return prepared;
}

const wantsServer = async (edge: EdgeDependencies, mlflow: boolean): Promise<boolean> =>
  mlflow && (await readPolicy(edge)).trackingServer;

/** A VM whose Python is too old for any server has none, and its scripts log to a folder: their MLflow is as old. */
async function prepareTrackingServer(edge: EdgeDependencies): Promise<void> {
  try {
    await prepare(edge, await trackingServerBuild(edge));
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (error.type === 'PythonNotOffered') return;
    if (error.type !== 'EnvironmentUnsolvable') throw error;
    const nextStep = 'Let the site’s package index offer these files; the job’s own environment is in order.';
    throw new ServiceError({ ...error.toFailure(), class: 'host', nextStep, retryable: false });
  }
}

async function prepare(edge: EdgeDependencies, plan: Build): Promise<PreparedEnvironment> {
  const { path } = await edge.launcher.environment(plan.digest);
  const ready = await readyEnvironment(path);
  if (ready) return { ...ready, cached: true };
  return await once(path, () => buildEnvironment(edge, plan, path));
}

/** Who asks again, after this worker lost touch, waits for what is under way. */
export async function once<T>(path: string, make: () => Promise<T>): Promise<T> {
  const current = (preparing.get(path) as Promise<T> | undefined) ?? make().finally(() => preparing.delete(path));
  preparing.set(path, current);
  const beat = setInterval(() => heartbeat(), 2000);
  try {
    return await Promise.race([current, rejectOnCancel()]);
  } finally {
    clearInterval(beat);
  }
}

function rejectOnCancel(): Promise<never> {
  const signal = cancellationSignal();
  return new Promise((_, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
