import type { ArtifactGrant, SealedGrant } from '../../domain/grant.ts';
import type { Inspection } from '../../domain/release.ts';
import { stagingPath } from '../../domain/resource-names.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import type { MachineKey } from '../../domain/virtual-machine.ts';
import { ensureContainer } from '../../services/blob-storage.ts';
import { seal } from '../../services/signing.ts';
import type { Cloud } from './cloud.ts';

/** An hour's right to write exactly these blobs of this job's staging folder: no read, no list, no other name. */
export async function grantArtifacts(
  cloud: Cloud,
  { plan, inspection, machineKey }: { plan: TrainingPlan; inspection: Inspection; machineKey: MachineKey },
): Promise<SealedGrant> {
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
