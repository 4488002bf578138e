import { bitBudget, metricNames } from '../../domain/bit-budget.ts';
import type { Evidence } from '../../domain/model-version.ts';
import { canonicalArtifacts, refusals, trackingPolicy } from '../../domain/release.ts';
import { siteRunPath } from '../../domain/resource-names.ts';
import { Envelope, receiptStatement, type Receipt, type ReceiptPredicate } from '../../domain/statement.ts';
import type { UplinkAccount } from '../../domain/uplink-account.ts';
import { putIfAbsent, readText } from '../../services/blob-storage.ts';
import { ServiceError } from '../../services/errors.ts';
import { decisionDigest, recipeDigest, requireApproval } from '../../services/release-decision.ts';
import { canonicalJson, publicKeyOf, sha256, signStatement, verifyStatement } from '../../services/signing.ts';
import type { SiteDependencies } from './dependencies.ts';
import { requirePlanFile, runContainer } from './plan-file.ts';
import { learnMetrics } from './learn-metrics.ts';
import type { SiteSession } from './site-session.ts';
import { uplinkAccount } from './uplink-account.ts';

/**
 * Signs what was trained on what, and the whole of what left, after checking it against the site's policy as it is now and
 * against the plan that was frozen. A job has one receipt: who asks again with the same evidence gets the same bytes.
 * @throws ServiceError `ReleaseRefused`, `EvidenceRefused`, `PlanForged` (policy)
 */
export async function issueReceipt(
  session: SiteSession,
  dependencies: SiteDependencies,
  evidence: Evidence,
): Promise<Receipt> {
  await requirePlanFile(session, dependencies, evidence.plan);
  requireAllowed(session, evidence);
  requireConsistent(evidence);
  const approval = approvalOf(session, evidence);

  const key = await dependencies.secrets.resolve(session.site.receiptKey);
  const runs = await runContainer(session);
  const path = siteRunPath(evidence.plan.job, 'receipt.json');
  const statementWith = (uplink: UplinkAccount | undefined) =>
    receiptStatement({ ...receiptPredicate(evidence, approval), ...(uplink ? { uplink } : {}) });
  const stored = (await readText(runs, path)) ?? (await issued());
  const envelope = parsedEnvelope(stored);
  const said = envelope && (verifyStatement(envelope, publicKeyOf(key)) as { predicate?: ReceiptPredicate });
  // The uplink's log is this worker's own witness, and has gone on since a receipt that is there was signed.
  if (!envelope || canonicalJson(said) !== canonicalJson(statementWith(said?.predicate?.uplink)))
    throw otherReceipt(path);
  await learnMetrics(session, runs, evidence);
  return { digest: sha256(stored), envelope, path };

  async function issued(): Promise<string> {
    const uplink = await uplinkAccount(session, dependencies, evidence);
    const fresh = canonicalJson(signStatement(statementWith(uplink), key));
    return (await putIfAbsent(runs, path, fresh, 'application/json')) ? fresh : ((await readText(runs, path)) ?? '');
  }
}

function receiptPredicate(evidence: Evidence, approval: ReceiptPredicate['approval']): ReceiptPredicate {
  const { plan, machine, environment, inputs, completed, release } = evidence;
  return {
    job: plan.job,
    site: plan.site,
    siteFile: plan.siteFile,
    workflowId: plan.workflowId,
    virtualMachine: { name: machine.name, bootId: completed.bootId, bundle: machine.bundle },
    data: inputs.data,
    ...(plan.code ? { code: plan.code.digest } : {}),
    environment: { digest: environment.digest, lock: environment.lock },
    training: { startedAt: completed.startedAt, endedAt: completed.endedAt, starts: completed.starts },
    ...(completed.cage ? { cage: completed.cage } : {}),
    released: release,
    ...(approval ? { approval } : {}),
    metrics: metricNames(completed),
    parameters: Object.keys(completed.parameters).sort(),
    bits: bitBudget(release, completed, trackingPolicy(plan.release)),
  };
}

/** The policy of now, not of the plan: what was tightened in between holds. */
function requireAllowed({ site }: SiteSession, { release }: Evidence): void {
  const reasons = refusals(site.release, release);
  if (reasons.length === 0) return;
  throw new ServiceError({
    class: 'policy',
    type: 'ReleaseRefused',
    cause: `The site ${site.name} does not let this model out: ${reasons.slice(0, 5).join('; ')}${reasons.length > 5 ? `; and ${reasons.length - 5} more` : ''}.`,
    nextStep:
      'Save the model in another form (safetensors, ONNX), make it smaller, or ask the operator about release in site.yml.',
    retryable: false,
  });
}

/** By the approvers of now; a decision where the site asks for none is not sworn to. */
function approvalOf({ site }: SiteSession, evidence: Evidence): ReceiptPredicate['approval'] {
  const { approval, plan, release } = evidence;
  const approved = requireApproval(approval, {
    ...{ policy: site.release, site: site.name, job: plan.job, ...release },
    recipe: recipeDigest(plan),
  });
  if (!approval || !approved) return undefined;
  const { by, reason, job } = approved;
  const digest = decisionDigest(approval);
  return { by, reason, digest, ...(job === plan.job ? {} : { givenFor: job }) };
}

/** What the workflow hands over must fit together: each value was made by another step, on another machine. */
function requireConsistent({ plan, machine, environment, inputs, completed, release }: Evidence): void {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  const paths = release.artifacts.map(({ path }) => path);
  const faults = [
    release.digest === sha256(canonicalArtifacts(release.artifacts))
      ? ''
      : 'the release’s digest is not that of its artifacts',
    release.bytes === sum(release.artifacts.map(({ bytes }) => bytes))
      ? ''
      : 'the release’s size is not that of its artifacts',
    new Set(paths).size === paths.length ? '' : 'an artifact is named twice',
    release.output === plan.model.output
      ? ''
      : `the output ${release.output} was released, and ${plan.model.output} is the model`,
    completed.job === plan.job ? '' : 'another job was completed',
    machine.name === plan.virtualMachine.name ? '' : 'another VM trained',
    environment.digest === plan.environment.digest ? '' : 'another environment was prepared',
    !plan.environment.image || environment.lock === plan.environment.digest ? '' : 'another image was unpacked',
    inputs.data.files === sum(plan.inputs.map(({ files }) => files)) ? '' : 'another number of files was read',
    inputs.data.bytes === sum(plan.inputs.map(({ bytes }) => bytes)) ? '' : 'another amount of data was read',
  ].filter((fault) => fault !== '');
  if (faults.length === 0) return;
  throw new ServiceError({
    class: 'policy',
    type: 'EvidenceRefused',
    cause: `No receipt for the job ${plan.job}: ${faults.join('; ')}.`,
    nextStep: 'Start the run again. If this comes back, find out who changed the workflow’s state or the VM.',
    retryable: false,
  });
}

function parsedEnvelope(text: string): Envelope | undefined {
  try {
    return Envelope.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function otherReceipt(path: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'OtherReceipt',
    cause: `${path} in the site’s run container is another receipt than the one that this evidence makes.`,
    nextStep: 'Find out who wrote it; the model of this run is not registered. Start the run again for a new job.',
    retryable: false,
  });
}
