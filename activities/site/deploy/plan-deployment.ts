import { DeployModelInput, type DeploymentPlan, type DeploymentRecord } from '../../../domain/deployment.ts';
import { LOOPBACK, type Deployments } from '../../../domain/deployments.ts';
import { chooseSize } from '../../../domain/machine-size.ts';
import { computeTargetName, frontId, jobId, virtualMachineName } from '../../../domain/resource-names.ts';
import type { MachinePlan } from '../../../domain/training-plan.ts';
import { parse, shown } from '../../../domain/validation.ts';
import { invalidInput, ServiceError } from '../../../services/errors.ts';
import { sha256 } from '../../../services/signing.ts';
import type { Step } from '../dependencies.ts';
import { findHost } from '../host/connect.ts';
import { chooseHost } from '../plan/host.ts';
import { existingSize, offeredSizes, quotaShortage } from '../plan/machine.ts';
import type { SiteSession } from '../site-session.ts';
import { readRecord } from './record.ts';

export interface DeploymentRequest {
  readonly input: DeployModelInput;
  readonly workflowId: string;
  readonly originalExecutionRunId: string;
}

/**
 * What a deployment is to do and where, by `site.yml` and by what serves now. Changes nothing.
 * @throws ServiceError `InvalidInput`, `DeploymentsNotAllowed` (policy), `NotDeployed` (input), `QuotaExceeded`
 */
export async function planDeployment(
  session: SiteSession,
  step: Step,
  { input: given, workflowId, originalExecutionRunId }: DeploymentRequest,
): Promise<DeploymentPlan> {
  const input = checked(session, given);
  const { model, action } = input;
  const record = await readRecord(session, model);
  if (action !== 'undeploy') requireDeployments(session);
  if (action !== 'deploy' && !record) throw notDeployed(session, `the model ${model} does not serve there`);
  const target = action === 'rollback' ? previousOf(session, record) : undefined;
  const terms = session.site.deployments ?? NO_TERMS;
  const machine = await chooseMachine(session, step, input, record, terms);
  const version = target?.version ?? input.version;
  return {
    job: jobId(sha256, workflowId, originalExecutionRunId),
    ...{ site: session.site.name, model, workflowId, virtualMachine: machine.plan },
    front: frontId(sha256, session.site.name, model),
    listen: terms.listen,
    ...(version === undefined ? {} : { version }),
    ...(input.alias === undefined ? {} : { alias: input.alias }),
    ...(target ? { digest: target.image.digest } : {}),
    memoryMiB: terms.memoryMiB,
    startSeconds: terms.startSeconds,
    probationSeconds: terms.probationSeconds,
    // Of a VM that was deleted nothing serves any more, but a rollback still knows where to.
    ...(record ? { replaces: record.current } : {}),
    ...(action === 'undeploy' && !machine.isThere ? { gone: true as const } : {}),
  };
}

/** What is taken away needs no terms. */
const NO_TERMS: Pick<Deployments, 'memoryMiB' | 'startSeconds' | 'probationSeconds' | 'listen'> = {
  ...{ memoryMiB: 64, startSeconds: 1, probationSeconds: 0 },
  listen: LOOPBACK,
};
type Terms = typeof NO_TERMS & Partial<Pick<Deployments, 'virtualMachine' | 'size'>>;

function checked({ site }: SiteSession, given: DeployModelInput): DeployModelInput {
  const parsed = parse(DeployModelInput, given);
  if (!parsed.ok) throw invalidInput(parsed.issues);
  if (parsed.value.site === site.name) return parsed.value;
  throw invalidInput([
    { path: 'site', rule: `this worker serves the site ${site.name}`, value: JSON.stringify(parsed.value.site) },
  ]);
}

async function chooseMachine(
  session: SiteSession,
  step: Step,
  { virtualMachine: asked }: DeployModelInput,
  record: DeploymentRecord | undefined,
  terms: Terms,
): Promise<{ plan: MachinePlan; isThere: boolean }> {
  const { site } = session;
  const serves = record?.virtualMachine;
  if (serves !== undefined && asked !== undefined && asked !== serves) {
    const rule = `the model serves on ${serves}; undeploy it first, or leave the VM out`;
    throw invalidInput([{ path: 'virtualMachine', rule, value: shown(asked) }]);
  }
  const stated = serves ?? asked ?? terms.virtualMachine ?? site.virtualMachines.default;
  if (stated !== undefined && findHost(site.hosts, stated)) {
    const { value, issues } = await chooseHost(session, step, stated, NEED);
    if (!value) throw invalidInput(issues);
    return { plan: { ...common(session, stated), host: true, size: value.size, attach: 'never' }, isThere: true };
  }
  const existing = stated === undefined ? undefined : await existingSize(session, step, stated);
  const requested = existing ?? terms.size;
  const choice = chooseSize(await offeredSizes(session, step), {
    ...NEED,
    ...(requested === undefined ? {} : { requested }),
  });
  if (!choice.ok) throw invalidInput([{ path: 'virtualMachine', rule: choice.rule }]);
  const name = stated ?? virtualMachineName(site.name, choice.size.name);
  const isThere = existing !== undefined || (await existingSize(session, step, name)) !== undefined;
  const shortage = isThere ? undefined : await quotaShortage(session, step, name, choice.size);
  if (shortage) throw shortage;
  // Azure ML need not see a VM that is made for serving; one that it sees stays as it is.
  return {
    plan: { ...common(session, name), size: choice.size, attach: isThere ? site.attach.mode : 'never' },
    isThere,
  };
}

const NEED = { dataBytes: 0, sharedMemoryMiB: 0 } as const;

const common = ({ site }: SiteSession, name: string) => ({
  site: site.name,
  name,
  after: 'keep' as const,
  onLoss: 'restart' as const,
  idleSeconds: Math.round(site.virtualMachines.idleMinutes * 60),
  computeTarget: computeTargetName(sha256, name),
  // Where models listen, and whose keys they take, may have changed since the VM was made.
  upToDate: true as const,
});

/** @throws ServiceError `DeploymentsNotAllowed` */
export function requireDeployments({ site }: SiteSession): void {
  if (site.deployments) return;
  throw new ServiceError({
    class: 'policy',
    type: 'DeploymentsNotAllowed',
    cause: `The site ${site.name} lets no model serve on its VMs.`,
    nextStep: 'Ask the operator to add deployments to site.yml.',
    retryable: false,
  });
}

function previousOf(session: SiteSession, record: DeploymentRecord | undefined) {
  if (record?.previous) return record.previous;
  throw notDeployed(session, `no version of ${record?.model ?? 'the model'} served there before the one that does`);
}

function notDeployed({ site }: SiteSession, why: string): ServiceError {
  return new ServiceError({
    class: 'input',
    type: 'NotDeployed',
    cause: `There is nothing to do at ${site.name}: ${why}.`,
    nextStep: '`edge-train deployments list` says what serves, and where.',
    retryable: false,
  });
}
