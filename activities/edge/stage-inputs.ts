import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StagedInputs } from '../../domain/completed-job.ts';
import { canonicalManifest, type DataFile } from '../../domain/data-reference.ts';
import type { SealedGrant, SiteGrant } from '../../domain/grant.ts';
import { siteRunPath } from '../../domain/resource-names.ts';
import { PlanFile, type TrainingPlan } from '../../domain/training-plan.ts';
import { openContainer, putIfAbsent, readText, STACK_HUB_VERSION } from '../../services/blob-storage.ts';
import { ServiceError } from '../../services/errors.ts';
import { sha256 } from '../../services/signing.ts';
import { breakableConnection, type EdgeDependencies } from './dependencies.ts';
import { fetchInput } from './fetch-input.ts';
import { openGrant } from './grants.ts';
import { jobLimits } from './job-limits.ts';
import { jobPlace, readLock } from './job-place.ts';
import { jobFolder } from './output-files.ts';
import { trackingServerOf } from './tracking-server.ts';
import { unpackCode } from './unpack-code.ts';
import { writeWhole } from './write-whole.ts';

/**
 * Code and inputs on the VM, read-only for the job: the blobs that the site froze in `plan.json`, each as it was then
 * (If-Match), kept in a cache that is named by content. The manifest of names and digests goes to the site's run
 * container; only its root digest is returned. Staging what is staged is a no-op.
 * @throws ServiceError `GrantExpired` (grant anew), `DataChanged` (data), `CodeChanged` (policy)
 */
export async function stageInputs(
  edge: EdgeDependencies,
  request: { plan: TrainingPlan; grants: readonly SealedGrant[] },
): Promise<StagedInputs> {
  const { plan, grants } = request;
  const marker = join(jobFolder(edge.home, plan.job), 'spec', 'staged.json');
  await edge.launcher.create({
    job: plan.job,
    ...jobPlace(plan),
    limits: await jobLimits(edge, plan),
    // Begun now, so that it is there when the script has imported what it needs.
    tracking: await trackingServerOf(edge, plan),
  });
  const staged = await readStaged(marker);
  if (staged) return staged;

  if (plan.code) await unpackCode(edge, plan.job, plan.code, await openGrant('code', grants, edge.machineKey));
  const grant = await openGrant('site', grants, edge.machineKey);
  const { files, cached } = await fetchAll(edge, plan, grant, await readPlanFile(edge, plan, grant));
  const manifest = canonicalManifest(files);
  await putIfAbsent(
    runContainer(edge, grant),
    siteRunPath(plan.job, 'manifest.txt'),
    manifest,
    'text/plain; charset=utf-8',
  );
  const lock = await readLock(edge, plan);
  if (lock !== undefined) {
    await putIfAbsent(
      runContainer(edge, grant),
      siteRunPath(plan.job, 'environment.lock'),
      lock,
      'text/plain; charset=utf-8',
    );
  }
  const answer: StagedInputs = {
    data: {
      rootDigest: sha256(manifest),
      files: files.length,
      bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    },
    cached,
  };
  await writeWhole(marker, JSON.stringify(answer));
  return answer;
}

async function fetchAll(edge: EdgeDependencies, plan: TrainingPlan, grant: SiteGrant, planFile: PlanFile) {
  const files: DataFile[] = [];
  let cached = true;
  for (const planned of plan.inputs) {
    const frozen = planFile.inputs.find(({ name }) => name === planned.name);
    const store = grant.stores[planned.data.store];
    if (!frozen || store === undefined) throw notPlanned(planned.name);
    const container = openContainer(store, breakableConnection(store, edge, STACK_HUB_VERSION));
    for (const blob of frozen.blobs) {
      const file = await fetchInput({ edge, job: plan.job, input: planned, blob, container });
      files.push(file.data);
      cached &&= file.cached;
    }
  }
  return { files, cached };
}

async function readPlanFile(edge: EdgeDependencies, plan: TrainingPlan, grant: SiteGrant): Promise<PlanFile> {
  const text = await readText(runContainer(edge, grant), grant.plan);
  const parsed = PlanFile.safeParse(text === undefined ? undefined : JSON.parse(text));
  if (parsed.success && parsed.data.plan.job === plan.job) return parsed.data;
  throw notPlanned(grant.plan);
}

const runContainer = (edge: EdgeDependencies, { runs }: SiteGrant) =>
  openContainer(runs, breakableConnection(runs, edge, STACK_HUB_VERSION));

async function readStaged(marker: string): Promise<StagedInputs | undefined> {
  try {
    return StagedInputs.parse(JSON.parse(await readFile(marker, 'utf8')));
  } catch {
    return undefined;
  }
}

const notPlanned = (what: string) =>
  new ServiceError({
    class: 'internal',
    type: 'PlanFileBroken',
    cause: `The site’s list of what this run may read does not hold ${what}.`,
    nextStep: 'Start the run again; the site makes the list anew.',
    retryable: false,
  });
