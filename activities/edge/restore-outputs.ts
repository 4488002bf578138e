import { createWriteStream } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { heartbeat } from '@temporalio/activity';
import type { SealedGrant } from '../../domain/grant.ts';
import type { Artifact, Inspection } from '../../domain/release.ts';
import { siteRunPath } from '../../domain/resource-names.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { openContainer, STACK_HUB_VERSION } from '../../services/blob-storage.ts';
import { readVerified } from '../../services/verified-blob.ts';
import { breakableConnection, type EdgeDependencies } from './dependencies.ts';
import { openGrant } from './grants.ts';
import { jobLimits } from './job-limits.ts';
import { digestFile, jobFolder, outputFolder } from './output-files.ts';

/** Nothing of the job is run any more, so it is bound to an empty one. */
const NO_ENVIRONMENT = '0'.repeat(64);

/**
 * Brings the inspected artifacts back from the site's run container to where `releaseArtifacts` finds them: while the run
 * waited for approval the VM was another's. Each is checked by digest; what is there already is left.
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
    const file = join(target, artifact.path);
    if (await isThere(file, artifact)) continue;
    await mkdir(dirname(file), { recursive: true });
    const draft = join(jobFolder(edge.home, job), 'spec', `restored-${artifact.sha256}`);
    const blob = container.getBlockBlobClient(`${kept}/${artifact.path}`);
    await pipeline(Readable.from(readVerified(blob, artifact)), createWriteStream(draft));
    await rename(draft, file);
  }
}

async function isThere(file: string, { bytes, sha256 }: Artifact): Promise<boolean> {
  const found = await digestFile(file).catch(() => undefined);
  return found?.bytes === bytes && found.sha256 === sha256;
}
