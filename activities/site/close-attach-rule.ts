import type { MachinePlan } from '../../domain/training-plan.ts';
import { networkAddresses, networkInterfaceBody } from '../../services/stack-hub/network.ts';
import { deleteResource, getResource, isOurs, putResource } from '../../services/stack-hub/resource.ts';
import type { Step } from './dependencies.ts';
import { hasPublicAddress } from './open-attach-rule.ts';
import type { SiteSession } from './site-session.ts';

/** The rule first, then the address: closed at once, tidy after. Absent is fine, the whole VM too. */
export async function closeAttachRule(session: SiteSession, step: Step, plan: MachinePlan): Promise<void> {
  const hub = await session.stackHub();
  const { publicAddress, networkInterface, securityGroup, attachRule } = networkAddresses(plan.name);
  const group = await getResource(hub, securityGroup, step.signal);
  if (group && isOurs(group)) await deleteResource(hub, attachRule, step, true);
  const nic = await getResource(hub, networkInterface, step.signal);
  if (nic && isOurs(nic) && hasPublicAddress(nic)) {
    await putResource(hub, networkInterface, networkInterfaceBody(hub, plan.name, false), step);
  }
  await deleteResource(hub, publicAddress, step);
}
