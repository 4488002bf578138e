import { access, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import type { CompletedJob, PreparedEnvironment } from '../../domain/completed-job.ts';
import type { SealedGrant } from '../../domain/grant.ts';
import { releaseTracked, type TrackedRelease } from '../../domain/tracking-policy.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { openContainer, STACK_HUB_VERSION, type BlobContainer } from '../../services/blob-storage.ts';
import { ServiceError } from '../../services/errors.ts';
import { recipeDigest } from '../../services/release-decision.ts';
import type { JobStatus } from '../../services/systemd.ts';
import { Checkpoints } from './checkpoints.ts';
import { connectionTo, type EdgeDependencies } from './dependencies.ts';
import { openGrant } from './grants.ts';
import { jobLimits } from './job-limits.ts';
import { openLog, type JobLog } from './job-log.ts';
import { interrupted, jobLogPath, outcome } from './job-outcome.ts';
import { jobPlace } from './job-place.ts';
import { jobSpec, writeJobSpec } from './job-spec.ts';
import { keepLearnedMetrics, trackingPolicies } from './learned-metrics.ts';
import { adoptLoggedModel } from './logged-model.ts';
import { MetricsOnSite } from './metrics-on-site.ts';
import { readTrackedRun } from './mlflow-store.ts';
import { jobFolder } from './output-files.ts';
import { trackingServerOf } from './tracking-server.ts';
import { prepareTracking, trackingStore } from './tracking-store.ts';
import { recordRecipe } from './trained-recipe.ts';

const MAX_STARTS = 3;
/** A look at one file: cheap, and a job's end is seen soon. */
const POLL = 50;
/** Below this the VM itself suffers, and the worker can write nothing any more. */
const LEAST_FREE_BYTES = 256 * 2 ** 20;

/**
 * Trains, or goes on watching what trains: the job is a unit of its own, started exactly once, and outlives this worker.
 * Only a real cancellation stops it; a worker that shuts down leaves it running for the next attempt.
 * @throws ServiceError `ScriptFailed`, `TimedOut`, `OutOfMemory`, `CageRefused`, `JobInterrupted`, `GrantExpired` …
 */
export async function runTrainingJob(
  edge: EdgeDependencies,
  request: { plan: TrainingPlan; environment: PreparedEnvironment; grants: readonly SealedGrant[] },
): Promise<CompletedJob> {
  const { plan } = request;
  const runs = await openRuns(edge, request);
  const limits = await jobLimits(edge, plan);
  const tracking = await trackingServerOf(edge, plan);
  const { path, ...standing } = await edge.launcher.create({ job: plan.job, ...jobPlace(plan), limits, tracking });
  if (standing.state === 'created') {
    await writeJobSpec(path, await jobSpec(edge, plan, await prepareTracking(edge, plan, tracking !== undefined)));
    await keepLearnedMetrics(edge, plan, runs);
    await recordRecipe(edge, plan.job, recipeDigest(plan));
  }
  const log = await openLog(path, runs, jobLogPath(plan), standing);
  const { runs: store } = await trackingStore(edge.home, plan.job);
  const metrics = await MetricsOnSite.open(edge, { id: plan.job, folder: path, store, standing }, runs);
  const checkpoints = new Checkpoints(edge.home, plan.job, runs, (checkpointBytes) =>
    Context.current().heartbeat({ job: plan.job, checkpointBytes }),
  );
  const status = await follow(edge, plan, { log, checkpoints, metrics }, standing).finally(() => checkpoints.settle());
  await log.copyAll();
  await metrics.end(status.starts);
  const { startedAt, endedAt, cage } = outcome(plan, status);
  await adoptLoggedModel(edge.home, plan);
  const ended = new Date(endedAt * 1000);
  return {
    job: plan.job,
    exitCode: 0,
    starts: status.starts,
    startedAt: new Date(startedAt * 1000).toISOString(),
    endedAt: ended.toISOString(),
    bootId: (await readFile(edge.bootIdFile, 'utf8')).trim(),
    ...(status.files && cage.tried ? { cage: { files: status.files, tried: cage.tried } } : {}),
    ...(await tracked(edge, plan, ended)),
    log: jobLogPath(plan),
  };
}

/** What the script logged with MLflow, as far as both the VM's policy and the plan's let it leave. */
async function tracked(edge: EdgeDependencies, plan: TrainingPlan, ended: Date): Promise<TrackedRelease> {
  const logged = await readTrackedRun((await trackingStore(edge.home, plan.job)).runs, plan.job);
  return releaseTracked(logged, await trackingPolicies(edge, plan), ended.getTime());
}

async function openRuns(
  edge: EdgeDependencies,
  { grants }: { grants: readonly SealedGrant[] },
): Promise<BlobContainer> {
  const { runs } = await openGrant('site', grants, edge.machineKey);
  return openContainer(runs, connectionTo(runs, edge, STACK_HUB_VERSION));
}

/** What of the job is on site too. */
interface Copies {
  readonly log: JobLog;
  readonly checkpoints: Checkpoints;
  readonly metrics: MetricsOnSite;
}

/** Starts (again) where that is due, and returns when the job has ended for good. */
async function follow(
  edge: EdgeDependencies,
  { job }: TrainingPlan,
  copies: Copies,
  standing: JobStatus,
): Promise<JobStatus> {
  const { log, checkpoints, metrics } = copies;
  for (let status = standing; ;) {
    await stopIfCancelled(edge, job, copies, status);
    if (status.state === 'created' || status.state === 'interrupted') await checkpoints.restore();
    if (status.state === 'interrupted') await metrics.interrupted(status.starts);
    const begun = await edge.launcher.start(job);
    status = begun.state === 'running' ? await watch(edge, job, copies, begun) : begun;
    if (status.state === 'ended') return status;
    if (status.state === 'interrupted' && status.starts >= MAX_STARTS) {
      await log.copyAll();
      await metrics.end(status.starts);
      throw interrupted(status);
    }
  }
}

/** While it runs: heartbeats, copies the log and the checkpoints, guards the disk. Returns what systemd says when it runs no more. */
async function watch(edge: EdgeDependencies, job: string, copies: Copies, begun: JobStatus): Promise<JobStatus> {
  const { log, checkpoints, metrics } = copies;
  const { starts } = begun;
  const result = join(jobFolder(edge.home, job), 'state', 'result.json');
  const signal = Context.current().cancellationSignal;
  for (let polls = 1; ; polls++) {
    Context.current().heartbeat({ job, starts, logBytes: log.bytes });
    await stopIfCancelled(edge, job, copies, begun);
    await copyLog(log);
    checkpoints.look();
    await metrics.look(starts);
    // A unit that was killed with its recorder, or a power cut, leaves no file: so systemd itself is asked now and then.
    if ((await exists(result)) || polls % 200 === 0) {
      const status = await edge.launcher.status(job);
      if (status.state !== 'running') return status;
    }
    if (polls % 20 === 0) await guardDisk(edge, job);
    await delay(POLL, undefined, { signal }).catch(() => {});
  }
}

/** The site's blob storage may be away for a while; the job goes on, and the rest is copied later. */
async function copyLog(log: JobLog): Promise<void> {
  try {
    await log.copySome();
  } catch (error) {
    if (!(error instanceof ServiceError) || !error.retryable) throw error;
  }
}

async function guardDisk(edge: EdgeDependencies, job: string): Promise<void> {
  const { bavail, bsize } = await statfs(edge.home);
  if (bavail * bsize < LEAST_FREE_BYTES) await edge.launcher.stop(job, 'disk-full');
}

async function stopIfCancelled(
  edge: EdgeDependencies,
  job: string,
  { log, metrics }: Copies,
  { starts }: JobStatus,
): Promise<void> {
  const { cancellationSignal, cancellationDetails } = Context.current();
  if (!cancellationSignal.aborted) return;
  if (cancellationDetails?.cancelRequested) {
    await edge.launcher.stop(job, 'cancelled');
    await log.copyAll().catch(() => {});
    await metrics.end(starts).catch(() => {}); // where only its sweep has stopped it, they go on to Azure ML
    throw new CancelledFailure('The run was cancelled; the script was stopped.');
  }
  // The worker shuts down, or this attempt is no longer the server's: the job runs on, and the next attempt finds it.
  throw ApplicationFailure.retryable('The edge worker went down; the job runs on.', 'WorkerShutdown');
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
