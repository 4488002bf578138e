import type { ImageGrant, SealedGrant } from '../../domain/grant.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import type { MachineKey } from '../../domain/virtual-machine.ts';
import { ServiceError } from '../../services/errors.ts';
import { seal } from '../../services/signing.ts';
import type { SiteDependencies, Step } from './dependencies.ts';
import { requireMachineKey } from './machine-key.ts';
import { registryOf } from './plan/image.ts';
import { requirePlanFile } from './plan-file.ts';
import { openRegistry } from './registry-access.ts';
import type { SiteSession } from './site-session.ts';

/**
 * Permission to pull the plan's image, sealed to the VM: the registry's short token for that repository, never the site's
 * credential. The plan is the one that this worker signed, and its registry is in `site.yml` now. @throws ServiceError
 */
export async function grantImage(
  session: SiteSession,
  step: Step,
  dependencies: SiteDependencies,
  request: { plan: TrainingPlan; machineKey: MachineKey },
): Promise<SealedGrant> {
  const { plan } = await requirePlanFile(session, dependencies, request.plan);
  const { image } = plan.environment;
  const found = image && registryOf(session, image.reference);
  if (!found) throw withdrawn(session.site.name, image?.registry ?? 'none');
  const key = await requireMachineKey(session, step, dependencies, plan.virtualMachine, request.machineKey);
  const { repository } = found.asked;
  const { source, expires } = await openRegistry(session, step, found.registry, repository, dependencies.now?.());
  const grant: ImageGrant = {
    kind: 'image',
    registry: found.registry.host,
    repository,
    digest: image.digest,
    ...(source.authorization === undefined ? {} : { authorization: source.authorization }),
  };
  return { kind: 'image', jwe: await seal(grant, key), expires: expires.toISOString() };
}

function withdrawn(site: string, registry: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'RegistryWithdrawn',
    cause: `The operator of ${site} has taken the registry ${registry} out of site.yml since the run was planned.`,
    nextStep: 'Ask the operator, or start the run again with an image that the site offers.',
    retryable: false,
  });
}
