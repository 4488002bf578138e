import { z } from 'zod';
import { BitBudget } from './bit-budget.ts';
import { CageReport } from './completed-job.ts';
import { DataDigest } from './data-reference.ts';
import { Release, type Artifact } from './release.ts';
import { JobId, Sha256, SiteName } from './resource-names.ts';
import { UplinkAccount } from './uplink-account.ts';
import { Reason } from './verdict.ts';

/**
 * Signed documents: in-toto statements (https://in-toto.io/Statement/v1) in DSSE envelopes
 * (https://github.com/secure-systems-lab/dsse), ECDSA P-256 with SHA-256.
 */

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const RECEIPT_TYPE = 'https://edge-train.dev/receipt/v1';
export const DECISION_TYPE = 'https://edge-train.dev/release-decision/v1';
/** What is said of an image, in the words that other people's verifiers know: cosign, SLSA, CycloneDX. */
export const SIGNATURE_TYPE = 'https://sigstore.dev/cosign/sign/v1';
export const PROVENANCE_TYPE = 'https://slsa.dev/provenance/v1';
export const BILL_OF_MATERIALS_TYPE = 'https://cyclonedx.org/bom';

export const Envelope = z.strictObject({
  payloadType: z.literal(PAYLOAD_TYPE),
  /** Base64. */
  payload: z.string(),
  signatures: z.array(z.strictObject({ keyid: z.string(), sig: z.string() })).min(1),
});
export type Envelope = z.infer<typeof Envelope>;

/** A decision's, which nobody may have signed. */
export const DecisionEnvelope = z.strictObject({
  ...Envelope.shape,
  signatures: z.array(Envelope.shape.signatures.element),
});

/** What the site swears to: what was trained on what, where, and the whole of what left. */
export const ReceiptPredicate = z.strictObject({
  job: JobId,
  site: SiteName,
  siteFile: Sha256,
  workflowId: z.string(),
  virtualMachine: z.strictObject({ name: z.string(), bootId: z.string(), bundle: Sha256 }),
  data: DataDigest,
  code: Sha256.optional(),
  environment: z.strictObject({ digest: z.string(), lock: Sha256 }),
  training: z.strictObject({ startedAt: z.iso.datetime(), endedAt: z.iso.datetime(), starts: z.int() }),
  /** What the script ran in. Older receipts do not say. */
  cage: CageReport.optional(),
  /** Each artifact with its digest, and where they went: nothing else of this run left the site through edge-train. */
  released: Release,
  /** Who let it out, where the site asks for approval; `digest` is the SHA-256 of the decision’s envelope. */
  approval: z
    .strictObject({
      ...{ by: z.string(), reason: z.string(), digest: Sha256 },
      /** The job that it was given for, where that was an earlier one of the same recipe. */
      givenFor: JobId.optional(),
    })
    .optional(),
  /** Bytes by destination, by the uplink's own log. Older receipts do not say. */
  uplink: UplinkAccount.optional(),
  /** What crossed besides: names of metrics and parameters that went to Azure ML. */
  metrics: z.array(z.string()),
  parameters: z.array(z.string()),
  /** How many bits left in all that the script could choose: what it can have told at most. */
  bits: BitBudget,
});
export type ReceiptPredicate = z.infer<typeof ReceiptPredicate>;

export const Receipt = z.strictObject({
  /** SHA-256 of the envelope's JSON text as stored. */
  digest: Sha256,
  envelope: Envelope,
  /** Below the site's run container. */
  path: z.string(),
});
export type Receipt = z.infer<typeof Receipt>;

/**
 * That later releases of the same recipe may leave without asking again (`release.approval.when: first`), if the gate doubts
 * nothing in them but what it doubted here.
 */
export const Standing = z.strictObject({
  /** SHA-256 of `canonicalRecipe` of the plan. */
  recipe: Sha256,
  doubts: z.array(Reason),
});
export type Standing = z.infer<typeof Standing>;

/** What an approver swears to: whether these artifacts of this job may leave, and why. */
export const DecisionPredicate = z.strictObject({
  job: JobId,
  site: SiteName,
  workflowId: z.string(),
  /** SHA-256 of `canonicalArtifacts` over what was inspected. */
  release: Sha256,
  decision: z.enum(['approve', 'reject']),
  reason: z
    .string()
    .min(1)
    .max(1000)
    .regex(/^\P{Cc}*$/u, 'a reason has no control characters'),
  /** The approver's name in `site.yml`. */
  by: z.string().min(1).max(64),
  decidedAt: z.iso.datetime(),
  standing: Standing.optional(),
});
export type DecisionPredicate = z.infer<typeof DecisionPredicate>;

/** What is told without a key, from the Temporal UI. It counts where the site says `release.approval.unsigned`. */
export const UnsignedDecision = DecisionPredicate.pick({ decision: true, reason: true });
export type UnsignedDecision = z.infer<typeof UnsignedDecision>;

export const GivenDecision = z.union([Envelope, UnsignedDecision]);
export type GivenDecision = z.infer<typeof GivenDecision>;

/** An in-toto statement over the inspected artifacts. */
export function decisionStatement(predicate: DecisionPredicate, artifacts: readonly Artifact[]) {
  return {
    _type: STATEMENT_TYPE,
    subject: artifacts.map(({ path, sha256 }) => ({ name: path, digest: { sha256 } })),
    predicateType: DECISION_TYPE,
    predicate,
  };
}

/** The head of DSSE's pre-authentication encoding; the payload's bytes follow it. The type is ASCII. */
export const preAuthenticationHead = (payloadBytes: number): string =>
  `DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payloadBytes} `;

/** An in-toto statement over the released artifacts. */
export function receiptStatement(predicate: ReceiptPredicate) {
  return {
    _type: STATEMENT_TYPE,
    subject: predicate.released.artifacts.map(({ path, sha256 }) => ({ name: path, digest: { sha256 } })),
    predicateType: RECEIPT_TYPE,
    predicate,
  };
}

/** An in-toto statement on an image: whoever checks it looks at the digest, and at the type. */
export function imageStatement(
  image: { readonly repository: string; readonly digest: string },
  predicateType: string,
  predicate: object,
) {
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name: image.repository, digest: { sha256: image.digest.replace(/^sha256:/, '') } }],
    predicateType,
    predicate,
  };
}
