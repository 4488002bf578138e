import { CancellationScope, upsertMemo, workflowInfo } from '@temporalio/workflow';
import { count } from '../domain/amount-text.ts';
import type { CloudDeploymentPlan, VerifiedServingImage } from '../domain/cloud-deployment.ts';
import type { DeployModelInput, DeployModelResult, ServiceTest, ServingImage } from '../domain/deployment.ts';
import { onlineDeploymentName } from '../domain/resource-names.ts';
import { CLOUD_DEPLOY_STEPS } from '../domain/run-status.ts';
import { Compensation } from './compensation.ts';
import { findImage, plannedText, retiredText } from './deployment-steps.ts';
import { Progress } from './status.ts';
import { cloudSteps, ENDPOINT_UNDO_PATIENCE } from './steps.ts';
import { toTheEnd } from './to-the-end.ts';

/** The same as on a machine of the site, on a managed online endpoint of Azure ML: no VM and no site is asked. */
export async function deployToCloud(input: DeployModelInput): Promise<DeployModelResult> {
  const { site, model } = input;
  const steps = input.action === 'undeploy' ? (['plan', 'switch', 'retire'] as const) : CLOUD_DEPLOY_STEPS;
  const progress = new Progress({ site, model: { name: model }, virtualMachine: {} }, steps, 'cloud');
  const undo = new Compensation();
  upsertMemo({ site, model });
  return toTheEnd(progress, undo, async () => {
    const plan = await planned(input, progress);
    const result = await (input.action === 'undeploy' ? undeploy(plan, progress) : deploy(plan, progress, undo));
    const { endpoint, replaces } = plan;
    const replaced = replaces === undefined ? {} : { replaced: replaces.version };
    const ended = { site, model, action: input.action, to: 'cloud', endpoint, ...result, ...replaced } as const;
    progress.deployed(ended);
    return ended;
  });
}

function planned(input: DeployModelInput, progress: Progress): Promise<CloudDeploymentPlan> {
  const { workflowId, originalExecutionRunId } = workflowInfo();
  return progress.step(
    'plan',
    () => cloudSteps().planCloudDeployment({ input, workflowId, originalExecutionRunId }),
    ({ endpoint, replaces }) => plannedText(endpoint, replaces),
  );
}

interface Deployment {
  readonly plan: CloudDeploymentPlan;
  readonly found: ServingImage;
  /** Its name. */
  readonly deployment: string;
  readonly progress: Progress;
  readonly undo: Compensation;
  /** The new version is the one that serves, on record: there is nothing to undo any more. */
  settled: boolean;
}

type Came = Pick<DeployModelResult, 'version' | 'image' | 'address' | 'test'>;

/** A line an arrow: image, deployment, test, traffic, watch. Until the last of them a failure leaves the traffic where it was. */
async function deploy(plan: CloudDeploymentPlan, progress: Progress, undo: Compensation): Promise<Came> {
  const found = await findImage(plan, progress);
  const name = onlineDeploymentName(found.version, plan.job);
  const deployment: Deployment = { plan, found, deployment: name, progress, undo, settled: false };
  const { description } = await verified(deployment);
  await made(deployment);
  const { address, ...test } = await tested(deployment, description);
  await switchTraffic(deployment, address);
  await watched(deployment, description);
  await settle(deployment);
  return { version: found.version, image: found.image, address, test };
}

const verified = ({ plan, found, progress }: Deployment): Promise<VerifiedServingImage> =>
  progress.step(
    'verify',
    () => cloudSteps().verifyCloudImage({ plan, found }),
    ({ keyId }) => `signature (key sha256:${keyId.slice(0, 12)}), provenance, receipt and model hold`,
  );

/** Beside what serves. */
async function made(target: Deployment): Promise<void> {
  const { plan, found, deployment, progress, undo } = target;
  if (plan.isNew)
    undo.register('delete the endpoint', async () => {
      if (!target.settled) await undoing().removeEndpoint(plan);
    });
  undo.register('delete the new version', async () => {
    if (!target.settled) await undoing().removeCloudDeployment({ plan, deployment });
  });
  await progress.step(
    'start',
    () => cloudSteps().makeCloudDeployment({ plan, found, deployment }),
    () => `${deployment} on ${count(plan.instanceCount, plan.instanceType)}`,
  );
}

const tested = (
  { plan, found, deployment, progress }: Deployment,
  description: VerifiedServingImage['description'],
): Promise<ServiceTest & { address: string }> =>
  progress.step(
    'test',
    () => cloudSteps().testCloudDeployment({ plan, found, deployment, description }),
    ({ rows }) => `it answers; ${rowsText(rows)}`,
  );

const rowsText = (rows: number | null): string =>
  rows === null
    ? 'the model says nothing of its input, so no rows were made up'
    : rows === 0
      ? 'it knows none of the words that were made up'
      : `${count(rows, 'prediction')} of made-up rows`;

async function switchTraffic(target: Deployment, address: string): Promise<void> {
  const { plan, deployment, progress, undo } = target;
  undo.register('lead the traffic back', async () => {
    if (!target.settled) await undoing().routeEndpoint({ plan, traffic: plan.traffic });
  });
  await progress.step(
    'switch',
    () => cloudSteps().routeEndpoint({ plan, traffic: { [deployment]: 100 } }),
    () => address,
  );
}

const watched = (
  { plan, found, deployment, progress }: Deployment,
  description: VerifiedServingImage['description'],
): Promise<void> =>
  progress.step(
    'watch',
    () => cloudSteps().watchCloudDeployment({ plan, found, deployment, description }),
    () => `it held for ${plan.probationSeconds} s`,
  );

/** From here on the new version is the one: what cannot be cancelled is not torn in two. */
async function settle(target: Deployment): Promise<void> {
  const { plan, found, deployment, progress } = target;
  await CancellationScope.nonCancellable(async () => {
    const at = new Date().toISOString();
    const deployed = { version: found.version, digest: found.image.digest, deployment, at };
    await progress.step(
      'retire',
      async () => {
        await cloudSteps().recordCloudDeployment({ plan, deployed });
        target.settled = true;
        await cloudSteps().retireCloudDeployments({ plan, keep: deployment });
      },
      () => retiredText(plan.replaces),
    );
  });
}

/** Nobody is asked any more, and then nothing is there. Begun, it is not undone but done again. */
async function undeploy(plan: CloudDeploymentPlan, progress: Progress): Promise<Came> {
  await progress.step(
    'switch',
    () => cloudSteps().routeEndpoint({ plan, traffic: {} }),
    () => 'nobody is asked there any more',
  );
  await progress.step(
    'retire',
    () => cloudSteps().removeEndpoint(plan),
    () => 'its endpoint is gone',
  );
  return {};
}

const undoing = () => cloudSteps(ENDPOINT_UNDO_PATIENCE);
