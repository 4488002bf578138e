import { CancellationScope, isCancellation, log } from '@temporalio/workflow';
import type { MachinePlan } from '../domain/training-plan.ts';
import type { ComputeTarget, EnrolledMachine } from '../domain/virtual-machine.ts';
import type { Compensation } from './compensation.ts';
import { toFailure } from './failure.ts';
import { ATTACH_PATIENCE, cloudSteps, siteSteps, UNDO_PATIENCE } from './steps.ts';

/**
 * Makes the VM known to Azure ML, as the site wants: `never`; `try`, which records why it could not; or `require`.
 * `known` is what an earlier lease found.
 */
export async function attach(
  plan: MachinePlan,
  machine: EnrolledMachine,
  known: ComputeTarget | undefined,
  undo: Compensation,
): Promise<ComputeTarget> {
  const name = plan.computeTarget;
  if (plan.host) return { state: 'unattached', name, reason: 'an existing host is not attached to Azure ML' };
  if (plan.attach === 'never') return { state: 'unattached', name, reason: 'the site attaches no VM' };
  if (!machine.created && known?.state === 'attached' && known.name === name) return known;
  const cloud = cloudSteps(ATTACH_PATIENCE[plan.attach]);
  try {
    const found = await cloud.findComputeTarget({ machine, name });
    if (found?.state === 'attached' && !machine.created) return found;
    // Of a VM of that name that is no more: Azure ML would go on dialling the old one.
    if (found) await cloud.detachComputeTarget(name);
  } catch (error) {
    return unattached(plan, error);
  }
  if (machine.created) undo.register('detach the VM', () => cloudSteps(UNDO_PATIENCE).detachComputeTarget(name));
  return attachThroughRule(plan, machine, plan.attach);
}

/** The VM's port 22 is open to Azure ML only while it attaches: whatever happens, the rule goes. */
async function attachThroughRule(
  plan: MachinePlan,
  machine: EnrolledMachine,
  mode: 'try' | 'require',
): Promise<ComputeTarget> {
  const name = plan.computeTarget;
  const within = ATTACH_PATIENCE[mode];
  const dial = async (): Promise<ComputeTarget> => {
    try {
      const { address } = await siteSteps(within).openAttachRule(plan);
      return await cloudSteps(within).attachComputeTarget({ machine, name, address });
    } catch (error) {
      return unattached(plan, error);
    }
  };
  try {
    return await dial();
  } finally {
    await CancellationScope.nonCancellable(() => siteSteps().closeAttachRule(plan));
  }
}

/** The reason as a record, where the site only tries. */
function unattached(plan: MachinePlan, error: unknown): ComputeTarget {
  if (plan.attach !== 'try' || isCancellation(error)) throw error;
  const { cause } = toFailure(error);
  log.warn('the VM stays unattached', { virtualMachine: plan.name, cause });
  return { state: 'unattached', name: plan.computeTarget, reason: cause };
}
