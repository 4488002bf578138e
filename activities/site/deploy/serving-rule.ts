import { isDeepStrictEqual } from 'node:util';
import type { DeploymentPlan } from '../../../domain/deployment.ts';
import { LOOPBACK, type Deployments } from '../../../domain/deployments.ts';
import { networkAddresses, servingRuleBody } from '../../../services/stack-hub/network.ts';
import {
  deleteResource,
  getResource,
  isOurs,
  putResource,
  requireOurs,
  type Resource,
} from '../../../services/stack-hub/resource.ts';
import type { Step } from '../dependencies.ts';
import type { SiteSession } from '../site-session.ts';
import { servedOn } from './record.ts';

/**
 * The VM's security group lets the site's `clients` reach the ports of models, where models listen beyond loopback and one serves
 * on the VM; else nobody. Asked again it changes nothing. @throws ServiceError where the group is not ours
 */
export async function settleServingRule(
  session: SiteSession,
  step: Step,
  { plan, serves }: { plan: DeploymentPlan; serves: boolean },
): Promise<void> {
  const { name, host } = plan.virtualMachine;
  if (host) return;
  const hub = await session.stackHub();
  const { securityGroup, servingRule } = networkAddresses(name);
  const group = await getResource(hub, securityGroup, step.signal);
  const terms = session.site.deployments;
  const open = terms && terms.listen !== LOOPBACK && (serves || (await othersServe(session, plan)));
  if (!open) {
    if (group && isOurs(group)) await deleteResource(hub, servingRule, step, true);
    return;
  }
  if (group) requireOurs(group, securityGroup);
  const there = await getResource(hub, servingRule, step.signal);
  if (!isAsWanted(there, terms)) await putResource(hub, servingRule, servingRuleBody(terms.clients, terms.ports), step);
}

const othersServe = async (session: SiteSession, { model, virtualMachine }: DeploymentPlan): Promise<boolean> =>
  (await servedOn(session, virtualMachine.name)).some((other) => other !== model);

/** Whoever has changed anything of it by hand finds it as the site's file has it. */
function isAsWanted(rule: Resource | undefined, { clients, ports }: Deployments): boolean {
  const { description: _, ...wanted } = servingRuleBody(clients, ports).properties;
  return Object.entries(wanted).every(([name, value]) => isDeepStrictEqual(rule?.properties[name], value));
}
