import { siteOf } from '../../domain/cloud-file.ts';
import type { ArtifactGrant, SealedGrant } from '../../domain/grant.ts';
import type { Inspection } from '../../domain/release.ts';
import { stagingPath } from '../../domain/resource-names.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import type { MachineKey } from '../../domain/virtual-machine.ts';
import type { Envelope } from '../../domain/statement.ts';
import { ensureContainer } from '../../services/blob-storage.ts';
import { recipeDigest, requireApproval } from '../../services/release-decision.ts';
import { seal } from '../../services/signing.ts';
import type { Cloud } from './cloud.ts';

interface Request {
  readonly plan: TrainingPlan;
  readonly inspection: Inspection;
  readonly machineKey: MachineKey;
  readonly approval?: Envelope;
}

/**
 * An hour's right to write exactly these blobs of this job's staging folder: no read, no list, no other name. Where
 * `cloud.yml` names approvers for the site, one of them must have signed. @throws ServiceError `ApprovalMissing`, `ApprovalRefused`,
 * `SignatureInvalid`, `ReleaseRejected` (policy)
 */
export async function grantArtifacts(
  cloud: Cloud,
  { plan, inspection, machineKey, approval }: Request,
): Promise<SealedGrant> {
  const policy = { ...plan.release, approval: siteOf(cloud.file.sites, plan.site)?.approval };
  requireApproval(approval, { policy, site: plan.site, job: plan.job, ...inspection, recipe: recipeDigest(plan) });
  const container = cloud.file.release.stagingContainer;
  const account = await cloud.release();
  await ensureContainer(account.container(container));
  const now = new Date();
  const granted = inspection.artifacts.map(({ path }) => ({
    path,
    ...account.sas({ container, blob: stagingPath(plan.job, path), permissions: 'cw', now }),
  }));
  const grant: ArtifactGrant = { kind: 'artifacts', urls: granted.map(({ path, url }) => ({ path, url })) };
  const expires = granted[0]?.expires ?? now.toISOString();
  return { kind: 'artifacts', jwe: await seal(grant, machineKey), expires };
}
