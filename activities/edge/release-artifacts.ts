import { join } from 'node:path';
import { heartbeat } from '@temporalio/activity';
import pMap from 'p-map';
import type { ArtifactGrant, SealedGrant } from '../../domain/grant.ts';
import { canonicalArtifacts, type Artifact, type Inspection, type Release } from '../../domain/release.ts';
import type { Envelope } from '../../domain/statement.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { openBlob, STACK_HUB_VERSION } from '../../services/blob-storage.ts';
import { ServiceError, toServiceError } from '../../services/errors.ts';
import { recipeDigest, requireApproval } from '../../services/release-decision.ts';
import { sha256 } from '../../services/signing.ts';
import { breakableConnection, type EdgeDependencies } from './dependencies.ts';
import { openGrant } from './grants.ts';
import { requireRecorded } from './inspection-record.ts';
import { leavingPath } from './leaving-file.ts';
import { requireTrained } from './trained-recipe.ts';
import { outputFolder } from './output-files.ts';
import { readPolicy } from './policy.ts';
import { sendFile } from './send-file.ts';

/** Each holds one block in memory. */
const AT_ONCE = 4;

/**
 * Sends exactly the inspected artifacts, each to its own write-only URL. A blob appears only after its last byte was
 * hashed and the digest is the inspected one, so a changed file leaves nothing. Sending again is the same blob again.
 */
export async function releaseArtifacts(
  edge: EdgeDependencies,
  request: { plan: TrainingPlan; inspection: Inspection; grants: readonly SealedGrant[]; approval?: Envelope },
): Promise<Release> {
  const { plan, inspection } = request;
  await requireReleasable(edge, request);
  const grant = await openGrant('artifacts', request.grants, edge.machineKey);
  const base = join(outputFolder(edge.home, plan.job, plan.model.output), plan.model.path);
  const destination = destinationOf(grant);
  const release = async (artifact: Artifact): Promise<void> => {
    const url = grant.urls.find(({ path }) => path === artifact.path)?.url;
    if (url === undefined) throw ungranted(artifact);
    try {
      const blob = openBlob(url, breakableConnection(url, edge, STACK_HUB_VERSION));
      const verdict = inspection.verdicts.find(({ path }) => path === artifact.path) ?? { path: artifact.path };
      await sendFile(leavingPath(edge.home, plan.job, base, verdict), artifact, blob, (sent) =>
        heartbeat({ path: artifact.path, sent }),
      );
    } catch (error) {
      throw toServiceError(error, `sending ${artifact.path} to the release account`);
    }
  };
  await pMap(inspection.artifacts, release, { concurrency: AT_ONCE });
  return {
    ...inspection,
    digest: sha256(canonicalArtifacts(inspection.artifacts)),
    bytes: inspection.artifacts.reduce((sum, { bytes }) => sum + bytes, 0),
    destination,
  };
}

/** The URL that all artifacts went below, each by its path, without the signatures that permitted it. */
function destinationOf({ urls }: ArtifactGrant): string {
  const folders = urls.map(({ path, url }) => {
    const { origin, pathname } = new URL(url);
    const place = decodeURIComponent(pathname);
    return place.endsWith(`/${path}`) ? `${origin}${place.slice(0, -path.length)}` : undefined;
  });
  const [first] = folders;
  if (first !== undefined && folders.every((folder) => folder === first)) return first;
  throw misplaced();
}

/**
 * By the root-owned policy on the VM, whatever the plan says. Where no approver signs for these very files, a workflow's word is
 * not enough: what is sent must be what this VM has inspected; and where the word on an earlier release holds, what this VM
 * has trained must be of its recipe.
 */
async function requireReleasable(
  edge: EdgeDependencies,
  { plan, inspection, approval }: { plan: TrainingPlan; inspection: Inspection; approval?: Envelope },
): Promise<void> {
  const { site, release: policy } = await readPolicy(edge);
  const recipe = recipeDigest(plan);
  const approved = requireApproval(approval, { policy, site, job: plan.job, ...inspection, recipe });
  if (approved?.job === plan.job) return;
  await requireRecorded(edge, plan.job, inspection);
  if (approved) await requireTrained(edge, plan.job, recipe);
}

const misplaced = () =>
  new ServiceError({
    class: 'internal',
    type: 'GrantMissing',
    cause: 'The grant names places that are not one folder with the artifacts’ own paths below it.',
    nextStep: 'This is likely a fault of edge-train: report it with the workflow’s id.',
    retryable: false,
  });

const ungranted = ({ path }: Artifact) =>
  new ServiceError({
    class: 'internal',
    type: 'GrantMissing',
    cause: `No grant names the artifact ${path}.`,
    nextStep: 'This is likely a fault of edge-train: report it with the workflow’s id.',
    retryable: false,
  });
