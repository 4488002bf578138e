import { chooseSize, type MachineSize } from '../../domain/machine-size.ts';
import { computeTargetName, enlargedMachineName } from '../../domain/resource-names.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { ServiceError } from '../../services/errors.ts';
import { canonicalJson, sha256 } from '../../services/signing.ts';
import type { SiteDependencies, Step } from './dependencies.ts';
import { existingSize, jobMemory, offeredSizes, quotaShortage } from './plan/machine.ts';
import { keepPlanFile, readPlanFile, requirePlanFile } from './plan-file.ts';
import type { SiteSession } from './site-session.ts';

/**
 * The same job with the next larger size that the site allows now, on a VM of another name; its plan is frozen anew. Who asks
 * again with the plan that it had before gets the same.
 * @throws ServiceError `NoLargerMachine`, `QuotaExceeded` (quota), `PlanForged` (policy)
 */
export async function enlargeMachine(
  session: SiteSession,
  step: Step,
  dependencies: SiteDependencies,
  plan: TrainingPlan,
): Promise<TrainingPlan> {
  const frozen = (await readPlanFile(session, dependencies, plan.job))?.plan;
  if (frozen && isEnlarged(frozen, plan)) return frozen;
  const file = await requirePlanFile(session, dependencies, plan);
  const enlarged = await withLargerMachine(session, step, plan);
  await keepPlanFile(session, dependencies, { ...file, plan: enlarged });
  return enlarged;
}

function isEnlarged(frozen: TrainingPlan, { virtualMachine, limits: __, ...rest }: TrainingPlan): boolean {
  const { virtualMachine: machine, limits: _, ...same } = frozen;
  return machine.size.memoryMiB > virtualMachine.size.memoryMiB && canonicalJson(same) === canonicalJson(rest);
}

async function withLargerMachine(session: SiteSession, step: Step, plan: TrainingPlan): Promise<TrainingPlan> {
  const { larger, ...machine } = plan.virtualMachine;
  const offered = await offeredSizes(session, step);
  const choice =
    larger === undefined ? undefined : chooseSize(offered, { requested: larger, dataBytes: 0, sharedMemoryMiB: 0 });
  if (!choice?.ok || machine.host) throw noLarger(machine.size);
  const name = enlargedMachineName(session.site.name, machine, choice.size.name);
  const there = await existingSize(session, step, name);
  if (there !== undefined && there.toLowerCase() !== choice.size.name.toLowerCase())
    throw otherSize(name, there, choice.size);
  const shortage = there === undefined ? await quotaShortage(session, step, name, choice.size) : undefined;
  if (shortage) throw shortage;
  return {
    ...plan,
    virtualMachine: {
      ...machine,
      ...{ name, size: choice.size, computeTarget: computeTargetName(sha256, name) },
      ...(choice.larger ? { larger: choice.larger } : {}),
    },
    limits: { ...plan.limits, memoryMiB: jobMemory(choice.size) },
  };
}

const noLarger = (size: MachineSize) =>
  new ServiceError({
    class: 'quota',
    type: 'NoLargerMachine',
    cause: `The site allows no VM size with more memory than ${size.name}.`,
    nextStep: 'Let the script hold less at once, or ask the site’s operator for a larger size (virtualMachines.sizes).',
    retryable: false,
  });

const otherSize = (name: string, there: string, size: MachineSize) =>
  new ServiceError({
    class: 'quota',
    type: 'NoLargerMachine',
    cause: `The VM ${name} is there with the size ${there}, so the job cannot go on there with ${size.name}.`,
    nextStep: `Delete that VM, or start the run with virtualMachine.size: ${size.name} and another name.`,
    retryable: false,
  });
