import type { CodeGrant, SealedGrant } from '../../domain/grant.ts';
import { codePath } from '../../domain/resource-names.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import type { MachineKey } from '../../domain/virtual-machine.ts';
import { findBlob } from '../../services/blob-storage.ts';
import { ServiceError } from '../../services/errors.ts';
import { seal } from '../../services/signing.ts';
import type { Cloud } from './cloud.ts';

/** An hour's right to read the one archive that the plan names, which only the leased VM can open. */
export async function grantCode(
  cloud: Cloud,
  { plan, machineKey }: { plan: TrainingPlan; machineKey: MachineKey },
): Promise<SealedGrant> {
  if (!plan.code) throw missing('The plan names no code', 'internal');
  const { codeContainer } = cloud.file.release;
  const account = await cloud.release();
  const path = codePath(plan.code.digest);
  if (!(await findBlob(account.container(codeContainer), path)))
    throw missing(`The code ${plan.code.digest.slice(0, 12)}… is not in the container ${codeContainer}`, 'input');
  const { url, expires } = account.sas({ container: codeContainer, blob: path, permissions: 'r' });
  const grant: CodeGrant = { kind: 'code', url };
  return { kind: 'code', jwe: await seal(grant, machineKey), expires };
}

function missing(cause: string, failureClass: 'input' | 'internal'): ServiceError {
  return new ServiceError({
    class: failureClass,
    type: 'CodeMissing',
    cause: `${cause}.`,
    nextStep: 'Start the run with edge-train run, which uploads the code and puts its digest into the input.',
    retryable: false,
  });
}
