import type { SealedGrant, SiteGrant } from '../../domain/grant.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import type { MachineKey } from '../../domain/virtual-machine.ts';
import { ServiceError } from '../../services/errors.ts';
import { seal } from '../../services/signing.ts';
import type { SiteDependencies, Step } from './dependencies.ts';
import { requireMachineKey } from './machine-key.ts';
import { planPath, requirePlanFile } from './plan-file.ts';
import type { SiteSession } from './site-session.ts';

/**
 * Permission to read the plan's stores and to write to the run container, for an hour, sealed to the VM. Nothing is granted on
 * a workflow's word: the plan is the one that this worker signed, its stores are in `site.yml` now, and the key is the one
 * that ARM knows of the VM, or that this worker signed for a host. No permission to list: what a run reads is in the plan's file. @throws ServiceError
 */
export async function grantData(
  session: SiteSession,
  step: Step,
  dependencies: SiteDependencies,
  request: { plan: TrainingPlan; machineKey: MachineKey },
): Promise<SealedGrant> {
  const { plan } = await requirePlanFile(session, dependencies, request.plan);
  const key = await requireMachineKey(session, step, dependencies, plan.virtualMachine, request.machineKey);
  const now = dependencies.now?.() ?? new Date();
  const names = [...new Set(plan.inputs.map(({ data }) => data.store))].sort();
  const stores = await Promise.all(names.map(async (name) => [name, await grantStore(session, name, now)] as const));
  const { account, container } = session.site.runs;
  const runs = (await session.account(account)).sas({ container, permissions: 'rcw', now });
  const grant: SiteGrant = {
    kind: 'site',
    stores: Object.fromEntries(stores.map(([name, { url }]) => [name, url])),
    runs: runs.url,
    plan: planPath(plan.job),
  };
  return { kind: 'site', jwe: await seal(grant, key), expires: runs.expires };
}

async function grantStore(session: SiteSession, name: string, now: Date): Promise<{ url: string; expires: string }> {
  const store = Object.hasOwn(session.site.dataStores, name) ? session.site.dataStores[name] : undefined;
  if (!store) throw withdrawn(session.site.name, name);
  return (await session.account(store.account)).sas({ container: store.container, permissions: 'r', now });
}

function withdrawn(site: string, store: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'StoreWithdrawn',
    cause: `The operator of ${site} has taken the data store ${store} out of site.yml since the run was planned.`,
    nextStep: 'Ask the operator, or start the run again with data that the site offers.',
    retryable: false,
  });
}
