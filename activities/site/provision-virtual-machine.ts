import type { MachinePlan } from '../../domain/training-plan.ts';
import type { ProvisionedMachine } from '../../domain/virtual-machine.ts';
import { ServiceError } from '../../services/errors.ts';
import { machineAddress, readPowerState, startMachine } from '../../services/stack-hub/compute.ts';
import { ensureGroup } from '../../services/stack-hub/group.ts';
import {
  networkAddresses,
  networkInterfaceBody,
  securityGroupBody,
  virtualNetworkBody,
} from '../../services/stack-hub/network.ts';
import { ensureResource, type Resource } from '../../services/stack-hub/resource.ts';
import { loginPassword } from '../../services/stack-hub/login-password.ts';
import { machineBody, REQUEST_TAG } from '../../services/stack-hub/virtual-machine.ts';
import type { SiteDependencies, Step } from './dependencies.ts';
import { removeOrphanedDisk } from './orphaned-disk.ts';
import { readPrivateAddress } from './private-address.ts';
import type { SiteSession } from './site-session.ts';

/**
 * The VM, running: group, security group, network, interface, VM, each by GET first and PUT only when absent. No inbound rule,
 * no public address. What an attempt before this left under way is waited for, never sent again. Minutes.
 */
export async function provisionVirtualMachine(
  session: SiteSession,
  step: Step,
  { secrets }: SiteDependencies,
  plan: MachinePlan,
): Promise<ProvisionedMachine> {
  requireSiteSize(session, plan);
  const hub = await session.stackHub();
  const { securityGroup, virtualNetwork, networkInterface } = networkAddresses(plan.name);
  const { addressPrefix, image, login } = session.site.virtualMachines;
  const password =
    login === 'password'
      ? loginPassword(await secrets.resolve(session.site.receiptKey), session.site.name, plan.name)
      : undefined;
  const request = { name: plan.name, size: plan.size.name, image, request: step.request, password };

  await ensureGroup(hub, step.signal);
  await removeOrphanedDisk(hub, plan.name, step);
  await ensureResource(hub, securityGroup, () => securityGroupBody(hub, plan.name), step);
  await ensureResource(hub, virtualNetwork, () => virtualNetworkBody(hub, plan.name, addressPrefix), step);
  await ensureResource(hub, networkInterface, () => networkInterfaceBody(hub, plan.name, false), step);
  const machine = await ensureResource(
    hub,
    machineAddress(plan.name),
    (existing) => machineBody(hub, request, existing),
    step,
  );
  requireSameSize(machine, plan);
  if ((await readPowerState(hub, plan.name, step.signal)) !== 'running') await startMachine(hub, plan.name, step);

  return {
    name: plan.name,
    resourceId: machine.id,
    size: plan.size,
    privateAddress: await readPrivateAddress(hub, plan.name, step),
    created: machine.tags?.[REQUEST_TAG] === step.request,
  };
}

/** Sizes come from the site's own file, whatever a workflow says. */
function requireSiteSize({ site }: SiteSession, plan: MachinePlan): void {
  const wanted = plan.size.name.toLowerCase();
  if (plan.site === site.name && site.virtualMachines.sizes.some((size) => size.toLowerCase() === wanted)) return;
  throw new ServiceError({
    class: 'policy',
    type: 'SizeNotAllowed',
    cause: `The site ${site.name} allows the VM sizes ${site.virtualMachines.sizes.join(', ')}; ${plan.size.name} on ${plan.site} was asked for.`,
    nextStep: 'Start the run again: it is planned anew with the site’s file as it is now.',
    retryable: false,
  });
}

function requireSameSize(machine: Resource, plan: MachinePlan): void {
  const { vmSize } = machine.properties['hardwareProfile'] as { vmSize: string };
  if (vmSize.toLowerCase() === plan.size.name.toLowerCase()) return;
  throw new ServiceError({
    class: 'input',
    type: 'SizeMismatch',
    cause: `The VM ${plan.name} is there with the size ${vmSize}, and ${plan.size.name} was asked for.`,
    nextStep: `Ask for ${vmSize}, choose another VM name, or delete the VM.`,
    retryable: false,
  });
}
