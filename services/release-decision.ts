import {
  canonicalArtifacts,
  doubts,
  needsApproval,
  UNSIGNED,
  type Artifact,
  type Inspection,
  type ReleasePolicy,
} from '../domain/release.ts';
import {
  DECISION_TYPE,
  DecisionPredicate,
  decisionStatement,
  PAYLOAD_TYPE,
  type Envelope,
  type UnsignedDecision,
} from '../domain/statement.ts';
import { canonicalRecipe, type TrainingPlan } from '../domain/training-plan.ts';
import { ServiceError } from './errors.ts';
import { canonicalJson, sha256, verifyStatement } from './signing.ts';

/** Whose decision counts, and on what it must be. */
export interface Undecided {
  readonly policy: ReleasePolicy;
  readonly site: string;
  readonly job: string;
  readonly artifacts: readonly Artifact[];
}

/** What besides these files themselves may be covered by an earlier decision. */
export interface Repeated {
  readonly verdicts: Inspection['verdicts'];
  /** Of the plan: `recipeDigest`. */
  readonly recipe: string;
}

/**
 * What an approver decided on exactly these artifacts of this job. The name in the statement says by whose key it must be
 * signed; only the site's own list says which key that is.
 * @throws ServiceError `ApprovalMissing`, `ApprovalRefused`, `SignatureInvalid` (policy)
 */
export function verifyDecision(envelope: Envelope | undefined, about: Undecided): DecisionPredicate {
  if (!envelope) throw missing(about.site, Object.keys(about.policy.approval?.approvers ?? {}));
  const statement = envelope.signatures.length === 0 ? unsigned(envelope, about) : signed(envelope, about);
  const predicate = DecisionPredicate.safeParse((statement as { predicate?: unknown }).predicate);
  if (!predicate.success) throw refused('it is no decision on a release');
  const { job, site, release } = predicate.data;
  if (canonicalJson(statement) !== canonicalJson(decisionStatement(predicate.data, about.artifacts)))
    throw refused('it names other files than those that were inspected');
  if (job !== about.job || site !== about.site || release !== sha256(canonicalArtifacts(about.artifacts)))
    throw refused('it is on another release');
  return predicate.data;
}

/**
 * Who approved exactly these artifacts, or, where the policy says `first`, earlier ones of the same recipe in which the gate
 * doubted no less; undefined where the policy lets them leave without.
 * @throws ServiceError `ReleaseRejected` (policy), and what `verifyDecision` throws
 */
export function requireApproval(
  envelope: Envelope | undefined,
  about: Undecided & Repeated,
): DecisionPredicate | undefined {
  if (!needsApproval(about.policy, about)) return undefined;
  const decision = (envelope && standing(envelope, about)) ?? verifyDecision(envelope, about);
  if (decision.decision === 'approve') return decision;
  throw new ServiceError({
    class: 'policy',
    type: 'ReleaseRejected',
    cause: `${decision.by} rejected the release: ${decision.reason}`,
    nextStep: 'The model and all outputs are kept on site, and none is registered. Meet the reason, and start again.',
    retryable: false,
  });
}

/**
 * An approver's word on an earlier release that holds for this one too; undefined where it is on this one itself, or does not
 * hold. Its own files are not looked at again: they left then.
 */
function standing(envelope: Envelope, about: Undecided & Repeated): DecisionPredicate | undefined {
  const { approval } = about.policy;
  if (approval?.when !== 'first' || envelope.signatures.length === 0) return undefined;
  const statement = signed(envelope, about) as { predicateType?: unknown; predicate?: unknown };
  const predicate = DecisionPredicate.safeParse(statement.predicate);
  if (statement.predicateType !== DECISION_TYPE || !predicate.success) return undefined;
  const { job, site, decision, standing: word } = predicate.data;
  if (!word || job === about.job || site !== about.site || decision !== 'approve') return undefined;
  const seen = doubts(about.policy, about).every((doubt) => word.doubts.includes(doubt));
  return word.recipe === about.recipe && seen ? predicate.data : undefined;
}

/** What a decision may say of later releases; it is the site that knows. @throws ServiceError `ApprovalRefused` (policy) */
export function requireOwnStanding({ standing: word }: DecisionPredicate, about: Undecided & Repeated): void {
  if (!word) return;
  if (about.policy.approval?.when !== 'first') throw refused('it speaks of later releases, and the site asks for each');
  const own = { recipe: about.recipe, doubts: doubts(about.policy, about) };
  if (canonicalJson(word) !== canonicalJson(own)) throw refused('what it says of later releases is of another recipe');
}

/** SHA-256 of a plan's `canonicalRecipe`. */
export const recipeDigest = (plan: TrainingPlan): string => sha256(canonicalRecipe(plan));

/** What somebody said without a key, in the form of a decision. It is worth what the site's policy says. */
export function unsignedDecision(
  said: UnsignedDecision,
  { site, job, workflowId }: { readonly site: string; readonly job: string; readonly workflowId: string },
  artifacts: readonly Artifact[],
): Envelope {
  const release = sha256(canonicalArtifacts(artifacts));
  const predicate = { job, site, workflowId, ...said, release, by: UNSIGNED, decidedAt: new Date().toISOString() };
  const payload = Buffer.from(canonicalJson(decisionStatement(predicate, artifacts))).toString('base64');
  return { payloadType: PAYLOAD_TYPE, payload, signatures: [] };
}

function signed(envelope: Envelope, { policy }: Undecided): unknown {
  const approvers = policy.approval?.approvers ?? {};
  const by = claimedName(envelope);
  const key = by !== undefined && Object.hasOwn(approvers, by) ? approvers[by] : undefined;
  if (key !== undefined) return verifyStatement(envelope, key);
  throw refused(`it is not by ${Object.keys(approvers).join(' or ') || 'anyone whom the site names'}`);
}

/** A signature that was taken off leaves an approver's name, which does not count. */
function unsigned(envelope: Envelope, { policy }: Undecided): unknown {
  if (!policy.approval?.unsigned) throw refused('nobody signed it, and the site takes no unsigned decision');
  if (claimedName(envelope) !== UNSIGNED) throw refused('nobody signed it, and it names somebody');
  return JSON.parse(Buffer.from(envelope.payload, 'base64').toString());
}

/** SHA-256 that names a decision: of its envelope's canonical JSON. */
export const decisionDigest = (envelope: Envelope): string => sha256(canonicalJson(envelope));

/** Read before anything is verified: a hint to the key, and nothing else. */
function claimedName(envelope: Envelope): string | undefined {
  try {
    const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as {
      predicate?: { by?: unknown };
    };
    return typeof statement.predicate?.by === 'string' ? statement.predicate.by : undefined;
  } catch {
    return undefined;
  }
}

const missing = (site: string, approvers: readonly string[]) =>
  new ServiceError({
    class: 'policy',
    type: 'ApprovalMissing',
    cause: `The site ${site} lets no model out that ${approvers.join(' or ')} has not approved.`,
    nextStep: 'Start the run again: it waits for their word.',
    retryable: false,
  });

const refused = (why: string) =>
  new ServiceError({
    class: 'policy',
    type: 'ApprovalRefused',
    cause: `The decision does not count: ${why}.`,
    nextStep: 'Decide again with `edge-train approve` or `reject`, with the key that stands in site.yml for your name.',
    retryable: false,
  });
