import { upsertMemo, workflowInfo } from '@temporalio/workflow';
import { DeployModelInput, type DeploymentPlan, type DeployModelResult } from '../domain/deployment.ts';
import { DEPLOY_STEPS } from '../domain/run-status.ts';
import { parse } from '../domain/validation.ts';
import { Compensation } from './compensation.ts';
import { deployOnMachine } from './deploy-on-machine.ts';
import { deployToCloud } from './deploy-to-cloud.ts';
import { plannedText } from './deployment-steps.ts';
import { Progress } from './status.ts';
import { siteSteps } from './steps.ts';
import { toTheEnd } from './to-the-end.ts';
import { undeploy } from './undeploy.ts';
import { validInput } from './valid-input.ts';

/**
 * Lets a released model serve on a VM of its site, or on an online endpoint in the cloud; or the version before; or none any more. What served before serves until the
 * new version has shown that it holds. Fails as `trainModel` does; whatever the end, one version has the traffic.
 */
export async function deployModel(request: unknown): Promise<DeployModelResult> {
  const input = validInput(parse(DeployModelInput, request ?? {}));
  if (input.to === 'cloud') return deployToCloud(input);
  const { site, model, virtualMachine: name } = input;
  const steps = input.action === 'undeploy' ? UNDEPLOY_STEPS : DEPLOY_STEPS;
  const progress = new Progress({ site, model: { name: model }, virtualMachine: { name } }, steps);
  const undo = new Compensation();
  upsertMemo({ site, model });
  return toTheEnd(progress, undo, async () => {
    const plan = await planned(input, progress);
    const result = await (input.action === 'undeploy' ? undeploy : deployOnMachine)(input, plan, progress, undo);
    progress.deployed(result);
    return result;
  });
}

const UNDEPLOY_STEPS = ['plan', 'lease', 'switch', 'retire'] as const;

async function planned(input: DeployModelInput, progress: Progress): Promise<DeploymentPlan> {
  const { workflowId, originalExecutionRunId } = workflowInfo();
  const plan = await progress.step(
    'plan',
    () => siteSteps().planDeployment({ input, workflowId, originalExecutionRunId }),
    ({ virtualMachine: { name }, replaces }) => plannedText(name, replaces),
  );
  progress.planned(plan);
  return plan;
}
