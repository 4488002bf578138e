import type { DeployModelInput, DeploymentPlan, DeployModelResult } from '../domain/deployment.ts';
import type { Compensation } from './compensation.ts';
import { settleRule } from './deployment-steps.ts';
import { describeMachine, Lease } from './lease.ts';
import { LeasedMachine } from './leased-machine.ts';
import type { Progress } from './status.ts';
import { siteSteps } from './steps.ts';

/** Nothing of the model serves any more. What is under way is answered first; begun, it is not undone but done again. */
export async function undeploy(
  { site, model, action }: DeployModelInput,
  plan: DeploymentPlan,
  progress: Progress,
  undo: Compensation,
): Promise<DeployModelResult> {
  // Of a VM that was deleted there is only the record.
  await (plan.gone ? siteSteps().forgetDeployment(plan) : clear(plan, progress, undo));
  const replaced = plan.replaces?.version;
  return {
    ...{ site, model, action, virtualMachine: plan.virtualMachine.name },
    ...(replaced === undefined ? {} : { replaced }),
  };
}

async function clear(plan: DeploymentPlan, progress: Progress, undo: Compensation): Promise<void> {
  const lease = new Lease(plan);
  undo.register('give the VM back', () => lease.giveBack());
  const leased = await progress.step('lease', () => lease.take(), describeMachine);
  const machine = new LeasedMachine(leased, lease);
  await progress.step(
    'switch',
    async () => {
      await settleRule(plan, false);
      await machine.do((edge) => edge.unrouteModel(plan));
    },
    () => 'nobody is asked at its port any more',
  );
  await progress.step(
    'retire',
    () => machine.do((edge) => edge.retireOthers(plan)),
    () => 'its services are gone',
  );
  await siteSteps().forgetDeployment(plan);
  lease.cleaned();
  await lease.giveBack();
}
