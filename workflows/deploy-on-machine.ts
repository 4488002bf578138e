import { CancellationScope } from '@temporalio/workflow';
import { count } from '../domain/amount-text.ts';
import {
  addressOf,
  type DeployModelInput,
  type DeploymentPlan,
  type DeployModelResult,
  type RoutedModel,
  type ServiceTest,
  type ServingImage,
} from '../domain/deployment.ts';
import type { MachineKey } from '../domain/virtual-machine.ts';
import { Access } from './access.ts';
import type { Compensation } from './compensation.ts';
import { findImage, retiredText, settleRule } from './deployment-steps.ts';
import { describeMachine, Lease } from './lease.ts';
import { LeasedMachine } from './leased-machine.ts';
import type { Progress } from './status.ts';
import { cloudSteps, edgeSteps, siteSteps, UNDO_PATIENCE } from './steps.ts';

interface Deployment {
  readonly plan: DeploymentPlan;
  readonly found: ServingImage;
  readonly machine: LeasedMachine;
  readonly progress: Progress;
  readonly undo: Compensation;
  /** The new version is the one that serves, on record: there is nothing to undo any more. */
  settled: boolean;
}

/** A line an arrow: image, service, test, traffic, watch. Until the last of them a failure leaves the traffic where it was. */
export async function deployOnMachine(
  { site, model, action }: DeployModelInput,
  plan: DeploymentPlan,
  progress: Progress,
  undo: Compensation,
): Promise<DeployModelResult> {
  const found = await findImage(plan, progress);
  const lease = new Lease(plan);
  undo.register('give the VM back', (reason) => lease.giveBackAfter(reason));
  const leased = await progress.step('lease', () => lease.take(), describeMachine);
  const machine = new LeasedMachine(leased, lease);
  const deployment: Deployment = { plan, found, machine, progress, undo, settled: false };
  await pull(deployment, leased.publicKey);
  const before = await start(deployment);
  const test = await tested(deployment, leased.publicKey);
  const routed = await switchTraffic(deployment, before);
  await watch(deployment, routed);
  await settle(deployment, routed);
  lease.cleaned();
  await lease.giveBack();
  const replaced = plan.replaces?.version;
  return {
    ...{ site, model, action, virtualMachine: leased.name, version: found.version, image: found.image, test },
    address: addressOf(routed),
    ...(routed.certificate === undefined ? {} : { certificate: routed.certificate }),
    ...(replaced === undefined ? {} : { replaced }),
  };
}

async function pull({ plan, found, machine, progress }: Deployment, machineKey: MachineKey): Promise<void> {
  const { image, version } = found;
  const wanted = { image, version, model: plan.model };
  const access = new Access(async () => [await cloudSteps().grantServingImage({ image, machineKey })]);
  await progress.step(
    'pull',
    () => access.do((grants) => machine.do((edge) => edge.pullServingImage({ ...wanted, grants }))),
    ({ cached }) => `signature, provenance and receipt hold; ${cached ? 'it was there already' : 'pulled'}`,
  );
}

/** Beside what serves. Returns the service that traffic goes to now. */
async function start(deployment: Deployment): Promise<string | null> {
  const { plan, found, machine, progress, undo } = deployment;
  undo.register('end the new version', async () => {
    if (!deployment.settled && !machine.isGone) await undoing(machine).retireService(plan.job);
  });
  const { before } = await progress.step(
    'start',
    () => machine.do((edge) => edge.startService({ plan, image: found.image })),
    () => `version ${found.version}`,
  );
  return before;
}

function tested({ plan, found, machine, progress }: Deployment, machineKey: MachineKey): Promise<ServiceTest> {
  const access = new Access(async () => {
    const grant = await siteSteps().grantSmokeTest({ plan, job: found.job, machineKey });
    return grant ? [grant] : [];
  });
  return progress.step(
    'test',
    () => access.do((grants) => machine.do((edge) => edge.testService({ plan, grants }))),
    ({ rows, startedInSeconds }) =>
      `well after ${startedInSeconds} s; ${rows === null ? 'the model recorded nothing to compare' : `${count(rows, 'prediction')} as recorded`}`,
  );
}

/** Who may ask is let in once there is something to ask, and not before. */
async function switchTraffic(deployment: Deployment, before: string | null): Promise<RoutedModel> {
  const { plan, machine, progress, undo } = deployment;
  const served = before === plan.job ? null : before;
  undo.register('let nobody ask', async () => {
    if (!deployment.settled && served === null) await settleRule(plan, false, UNDO_PATIENCE);
  });
  undo.register('lead the traffic back', async () => {
    if (deployment.settled || machine.isGone) return;
    if (served === null) await undoing(machine).unrouteModel(plan);
    else await leadBack(deployment, served);
  });
  return await progress.step(
    'switch',
    async () => {
      const routed = await machine.do((edge) => edge.routeService({ plan, service: plan.job }));
      await settleRule(plan, true);
      return routed;
    },
    addressOf,
  );
}

/** Where models listen may have changed in `site.yml` meanwhile: what serves again is written down with its place. */
async function leadBack({ plan, machine }: Deployment, service: string): Promise<void> {
  const routed = await undoing(machine).routeService({ plan, service });
  if (plan.listen !== undefined && plan.replaces?.service === service)
    await siteSteps(UNDO_PATIENCE).recordDeployment({ plan, deployed: plan.replaces, ...routed });
}

const watch = ({ plan, machine, progress }: Deployment, routed: RoutedModel): Promise<void> =>
  progress.step(
    'watch',
    () => machine.do((edge) => edge.watchService({ plan, ...routed })),
    () => `it held for ${plan.probationSeconds} s`,
  );

/** From here on the new version is the one: what cannot be cancelled is not torn in two. */
async function settle(deployment: Deployment, routed: RoutedModel): Promise<void> {
  const { plan, found, machine, progress } = deployment;
  await CancellationScope.nonCancellable(async () => {
    const at = new Date().toISOString();
    const deployed = { version: found.version, image: found.image, service: plan.job, at };
    await progress.step(
      'retire',
      async () => {
        await siteSteps().recordDeployment({ plan, deployed, ...routed });
        deployment.settled = true;
        await machine.do((edge) => edge.retireOthers(plan));
      },
      () => retiredText(plan.replaces),
    );
  });
}

const undoing = ({ machine }: LeasedMachine) => edgeSteps(machine.queue, { within: UNDO_PATIENCE });
