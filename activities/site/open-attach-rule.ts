import type { MachinePlan } from '../../domain/training-plan.ts';
import { ServiceError } from '../../services/errors.ts';
import {
  attachRuleBody,
  networkAddresses,
  networkInterfaceBody,
  publicAddressBody,
} from '../../services/stack-hub/network.ts';
import {
  ensureResource,
  getResource,
  putResource,
  requireOurs,
  type Resource,
} from '../../services/stack-hub/resource.ts';
import type { Step } from './dependencies.ts';
import type { SiteSession } from './site-session.ts';

/** The public address first, the rule for TCP 22 last: nothing is open before all else is done. Returns the address to dial. */
export async function openAttachRule(
  session: SiteSession,
  step: Step,
  plan: MachinePlan,
): Promise<{ address: string }> {
  const { attach } = session.site;
  if (attach.mode === 'never') throw attachForbidden(session.site.name);
  const hub = await session.stackHub();
  const { publicAddress, networkInterface, securityGroup, attachRule } = networkAddresses(plan.name);
  const group = await getResource(hub, securityGroup, step.signal);
  if (group) requireOurs(group, securityGroup);

  const made = await ensureResource(hub, publicAddress, () => publicAddressBody(hub, plan.name), step);
  const nic = await getResource(hub, networkInterface, step.signal);
  if (nic) requireOurs(nic, networkInterface);
  if (!nic || !hasPublicAddress(nic))
    await putResource(hub, networkInterface, networkInterfaceBody(hub, plan.name, true), step);
  const rule = await getResource(hub, attachRule, step.signal);
  if (rule?.properties['sourceAddressPrefix'] !== attach.from)
    await putResource(hub, attachRule, attachRuleBody(attach.from), step);

  const address = made.properties['ipAddress'];
  if (typeof address !== 'string') throw noPublicAddress(plan.name);
  return { address };
}

export function hasPublicAddress(networkInterface: Resource): boolean {
  const configurations = networkInterface.properties['ipConfigurations'] as
    { properties: { publicIPAddress?: unknown } }[] | undefined;
  return configurations?.some(({ properties }) => properties.publicIPAddress !== undefined) ?? false;
}

function attachForbidden(site: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'AttachForbidden',
    cause: `The site ${site} never lets Azure ML dial a VM: attach.mode is never.`,
    nextStep: 'Training needs no attachment; the operator may set attach.mode and attach.from in site.yml.',
    retryable: false,
  });
}

function noPublicAddress(machine: string): ServiceError {
  return new ServiceError({
    class: 'host',
    type: 'NoAddress',
    cause: `The public address of ${machine} is made but has no number yet.`,
    nextStep: 'It is read again; if it stays so, the Stack Hub’s address pool may be empty.',
    retryable: true,
  });
}
