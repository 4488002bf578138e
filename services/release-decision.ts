import { canonicalArtifacts, type Artifact, type ReleasePolicy } from '../domain/release.ts';
import { DecisionPredicate, decisionStatement, type Envelope } from '../domain/statement.ts';
import { ServiceError } from './errors.ts';
import { canonicalJson, sha256, verifyStatement } from './signing.ts';

/** Whose decision counts, and on what it must be. */
export interface Undecided {
  readonly policy: ReleasePolicy;
  readonly site: string;
  readonly job: string;
  readonly artifacts: readonly Artifact[];
}

/**
 * What an approver decided on exactly these artifacts of this job. The name in the statement says by whose key it must be
 * signed; only the site's own list says which key that is.
 * @throws ServiceError `ApprovalMissing`, `ApprovalRefused`, `SignatureInvalid` (policy)
 */
export function verifyDecision(envelope: Envelope | undefined, about: Undecided): DecisionPredicate {
  const approvers = about.policy.approval?.approvers ?? {};
  if (!envelope) throw missing(about.site, Object.keys(approvers));
  const by = claimedName(envelope);
  const key = by !== undefined && Object.hasOwn(approvers, by) ? approvers[by] : undefined;
  if (key === undefined)
    throw refused(`it is not by ${Object.keys(approvers).join(' or ') || 'anyone whom the site names'}`);
  const statement = verifyStatement(envelope, key);
  const predicate = DecisionPredicate.safeParse((statement as { predicate?: unknown }).predicate);
  if (!predicate.success) throw refused('it is no decision on a release');
  const { job, site, release } = predicate.data;
  if (canonicalJson(statement) !== canonicalJson(decisionStatement(predicate.data, about.artifacts)))
    throw refused('it names other files than those that were inspected');
  if (job !== about.job || site !== about.site || release !== sha256(canonicalArtifacts(about.artifacts)))
    throw refused('it is on another release');
  return predicate.data;
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
