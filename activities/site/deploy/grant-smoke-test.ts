import type { DeploymentPlan } from '../../../domain/deployment.ts';
import type { SealedGrant, SmokeTestGrant } from '../../../domain/grant.ts';
import { siteRunPath, type JobId } from '../../../domain/resource-names.ts';
import type { MachineKey } from '../../../domain/virtual-machine.ts';
import { findBlob } from '../../../services/blob-storage.ts';
import { ServiceError } from '../../../services/errors.ts';
import { seal } from '../../../services/signing.ts';
import type { SiteDependencies, Step } from '../dependencies.ts';
import { requireMachineKey } from '../machine-key.ts';
import { readPlanFile, runContainer } from '../plan-file.ts';
import type { SiteSession } from '../site-session.ts';

/**
 * Permission to read the rows that a model's job recorded, sealed to the VM. Which file that is says the plan that this worker
 * signed when it trained. @returns null where the model has none. @throws ServiceError `SmokeTestMissing` (script)
 */
export async function grantSmokeTest(
  session: SiteSession,
  step: Step,
  dependencies: SiteDependencies,
  { plan, job, machineKey }: { plan: DeploymentPlan; job: JobId; machineKey: MachineKey },
): Promise<SealedGrant | null> {
  const trained = (await readPlanFile(session, dependencies, job))?.plan;
  const recorded = trained?.model.smokeTest;
  if (!trained || !recorded || trained.model.name !== plan.model) return null;
  const key = await requireMachineKey(session, step, dependencies, plan.virtualMachine, machineKey);
  const blob = siteRunPath(job, 'outputs', recorded.output, recorded.path);
  if (!(await findBlob(await runContainer(session), blob))) throw missing(plan.model);
  const { account, container } = session.site.runs;
  const now = dependencies.now?.() ?? new Date();
  const { url, expires } = (await session.account(account)).sas({ container, blob, permissions: 'r', now });
  const grant: SmokeTestGrant = { kind: 'smoke-test', url };
  return { kind: 'smoke-test', jwe: await seal(grant, key), expires };
}

function missing(model: string): ServiceError {
  return new ServiceError({
    class: 'script',
    type: 'SmokeTestMissing',
    cause: `The training of ${model} names a file as model.smokeTest, and its script left none there.`,
    nextStep: 'Let the script write it, and train again; or take model.smokeTest out of training.yml.',
    retryable: false,
  });
}
