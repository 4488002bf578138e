import { CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';
import { DeployModelResult, type DeployModelInput } from '../domain/deployment.ts';
import type { Failure } from '../domain/failure.ts';
import type { ModelVersion } from '../domain/model-version.ts';
import { CLOUD_QUEUE, deployWorkflowId } from '../domain/resource-names.ts';
import { WORKFLOW_TYPE } from '../domain/signals.ts';
import type { DeployTarget, TrainModelInput } from '../domain/train-model-input.ts';
import { failWith, toFailure } from './failure.ts';
import { startWhenFree } from './start-when-free.ts';
import type { Progress } from './status.ts';
import { cloudSteps, DEPLOYMENT_WAIT } from './steps.ts';

/**
 * The last step of a run that was asked to deploy: the model's deployment, a workflow as any that `edge-train deploy` starts, after
 * another one of the model that goes on. It is cancelled with the run. When it fails the version stays, and the failure says so.
 */
export async function deployTrained(
  { site, deploy }: Pick<TrainModelInput, 'site'> & { readonly deploy: DeployTarget },
  { name, version }: ModelVersion,
  progress: Progress,
): Promise<DeployModelResult> {
  const to = deploy === 'cloud' ? deploy : undefined;
  const workflowId = deployWorkflowId(site, name, to);
  const input: DeployModelInput = { site, model: name, action: 'deploy', version, ...(to ? { to } : {}) };
  const deployed = async () => {
    const waiting = () => progress.note('deploy', `waits for another deployment of the model, ${workflowId}`);
    const child = await startWhenFree(
      WORKFLOW_TYPE.deployModel,
      {
        workflowId,
        taskQueue: CLOUD_QUEUE,
        args: [input],
        parentClosePolicy: 'REQUEST_CANCEL',
        cancellationType: 'WAIT_CANCELLATION_COMPLETED',
        staticSummary: `deploy ${name}:${version} ${to ? `of ${site} in the cloud` : `at ${site}`}`,
      },
      { wait: DEPLOYMENT_WAIT, waiting },
    );
    progress.note('deploy', `goes on in ${workflowId}`);
    return DeployModelResult.parse(await child.result());
  };
  try {
    return await progress.step(
      'deploy',
      deployed,
      ({ virtualMachine, endpoint, address }) => `${address} on ${virtualMachine ?? endpoint}`,
    );
  } catch (error) {
    if (isCancellation(error) && CancellationScope.current().consideredCancelled) throw error;
    throw failWith(
      notDeployed(isCancellation(error) ? CANCELLED : toFailure(error), to ?? site, `${name}:${version}`),
      error,
    );
  }
}

/** What the cloud worker would refuse at the end is refused before anything is spent. */
export async function requireCloudDeployments({ site, model }: TrainModelInput): Promise<void> {
  const { workflowId, originalExecutionRunId } = workflowInfo();
  const input: DeployModelInput = { site, model: model.name, action: 'deploy', to: 'cloud' };
  await cloudSteps().planCloudDeployment({ input, workflowId, originalExecutionRunId });
}

const CANCELLED: Failure = {
  class: 'input',
  type: 'DeploymentCancelled',
  cause: 'its deployment was cancelled',
  nextStep: 'Nothing, if that was meant.',
};

const notDeployed = (failure: Failure, place: string, version: string): Failure => ({
  ...failure,
  cause: `${version} is registered and its image built, but it does not serve: ${failure.cause}`,
  nextStep: `${failure.nextStep} To deploy it later: edge-train deploy ${version} --to ${place}.`,
});
