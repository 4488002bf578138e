import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { heartbeat } from '@temporalio/activity';
import type { SealedGrant } from '../../domain/grant.ts';
import type { Artifact, Inspection } from '../../domain/release.ts';
import { siteRunPath } from '../../domain/resource-names.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import type { Format } from '../../domain/verdict.ts';
import { openContainer, STACK_HUB_VERSION } from '../../services/blob-storage.ts';
import { ServiceError } from '../../services/errors.ts';
import { breakableConnection, type EdgeDependencies } from './dependencies.ts';
import { fetchFile, fetchOriginal, holds } from './fetch-file.ts';
import { openGrant } from './grants.ts';
import { jobLimits } from './job-limits.ts';
import { leavingPath, writeAnew } from './leaving-file.ts';
import { jobFolder, outputFolder } from './output-files.ts';

/** Nothing of the job is run any more, so it is bound to an empty one. */
const NO_ENVIRONMENT = '0'.repeat(64);

/**
 * Brings the inspected artifacts back from the site's run container to where `releaseArtifacts` finds them: while the run
 * waited for approval the VM was another's. What was written anew is written so again. Each is checked by digest; what is there
 * already is left.
 * @throws ServiceError `GrantExpired`, `ArtifactDiffers`
 */
export async function restoreOutputs(
  edge: EdgeDependencies,
  request: { plan: TrainingPlan; inspection: Inspection; grants: readonly SealedGrant[] },
): Promise<void> {
  const { plan, inspection } = request;
  const { job, model } = plan;
  await edge.launcher.environment(NO_ENVIRONMENT);
  await edge.launcher.create({ job, environment: NO_ENVIRONMENT, limits: await jobLimits(edge, plan) });
  const { runs } = await openGrant('site', request.grants, edge.machineKey);
  const container = openContainer(runs, breakableConnection(runs, edge, STACK_HUB_VERSION));
  const target = join(outputFolder(edge.home, job, model.output), model.path);
  const kept = [siteRunPath(job, 'outputs', model.output), model.path].filter(Boolean).join('/');
  for (const artifact of inspection.artifacts) {
    heartbeat({ restoring: artifact.bytes });
    const verdict = inspection.verdicts.find(({ path }) => path === artifact.path);
    const file = join(target, artifact.path);
    if (await holds(leavingPath(edge.home, job, target, verdict ?? artifact), artifact)) continue;
    await mkdir(dirname(file), { recursive: true });
    const draft = join(jobFolder(edge.home, job), 'spec', `restored-${artifact.sha256}`);
    const blob = container.getBlockBlobClient(`${kept}/${artifact.path}`);
    if (verdict?.form?.written === 'anew') await fetchOriginal(blob, verdict.form.before, draft);
    else await fetchFile(blob, artifact, draft);
    await rename(draft, file);
    if (verdict?.form?.written === 'anew') await restoreAnew(edge, plan, artifact, verdict.format, file);
  }
}

/** What was kept is the script's own file: writing it anew must come to what was inspected, and this says whether it did. */
async function restoreAnew(
  edge: EdgeDependencies,
  { job }: TrainingPlan,
  artifact: Artifact,
  format: Format,
  absolute: string,
): Promise<void> {
  const anew = await writeAnew(edge.home, job, { path: artifact.path, absolute }, format);
  if (anew && (await holds(anew.absolute, artifact))) return;
  throw new ServiceError({
    class: 'data',
    type: 'ArtifactDiffers',
    cause: `What was kept on site of ${artifact.path} is not what was inspected, or this VM’s worker writes it otherwise.`,
    nextStep: 'Nothing was released. Find out who changed the blob or the VM’s bundle, then start the run again.',
    retryable: false,
  });
}
