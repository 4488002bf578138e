import { z } from 'zod';
import { Failure } from './failure.ts';
import { EnrolledMachine, ComputeTarget, Holder } from './virtual-machine.ts';
import { CompletedJob, PreparedEnvironment, StagedInputs } from './completed-job.ts';
import { Release } from './release.ts';
import { ModelName, Sha256 } from './resource-names.ts';
import { DecisionEnvelope, Receipt } from './statement.ts';
import { TrainingPlan } from './training-plan.ts';

/** Azure ML's record of the run: an MLflow run. */
export const RecordedRun = z.strictObject({ experimentId: z.string(), runId: z.string() });
export type RecordedRun = z.infer<typeof RecordedRun>;

/** A release's number, which its image's tag has too. */
export const VersionNumber = z.int().min(1).max(999_999_999);

/** A model version in Azure ML; immutable. */
export const ModelVersion = z.strictObject({
  name: ModelName,
  version: z.int().min(1),
  resourceId: z.string(),
  modelUri: z.string(),
  type: z.enum(['mlflow_model', 'custom_model']),
  tags: z.record(z.string(), z.string()),
});
export type ModelVersion = z.infer<typeof ModelVersion>;

export const ContainerImage = z.strictObject({
  /** Host and port of the registry. */
  registry: z.string(),
  repository: z.string(),
  tag: z.string(),
  /** `sha256:…` of the manifest. */
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  /** How many bytes this build had to upload: 0 when the registry had it all. */
  uploadedBytes: z.int().min(0),
});
export type ContainerImage = z.infer<typeof ContainerImage>;

/** What is attached to an image: a manifest of its own, whose subject is the image. */
export const AttachedStatement = z.strictObject({
  kind: z.enum(['receipt', 'sbom', 'provenance', 'signature']),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
});
export type AttachedStatement = z.infer<typeof AttachedStatement>;

/** Whether and by which key an image was signed. `keyId`: SHA-256 of the public key. */
export const ImageAttestation = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('signed'), keyId: Sha256, attached: z.array(AttachedStatement) }),
  z.strictObject({ state: z.literal('unsigned') }),
]);
export type ImageAttestation = z.infer<typeof ImageAttestation>;

const KINDS: Readonly<Record<AttachedStatement['kind'], string>> = {
  ...{ receipt: 'receipt', sbom: 'SBOM', provenance: 'provenance', signature: 'signature' },
};

/** One line on what is attached. */
export function attestationText(attestation: ImageAttestation): string {
  if (attestation.state === 'unsigned') return 'not signed: cloud.yml names no registry.signingKey';
  const kinds = attestation.attached.map(({ kind }) => KINDS[kind]).join(', ');
  return `by the key sha256:${attestation.keyId.slice(0, 12)}: ${kinds}`;
}

/** All that was seen of a run on site; what the receipt is issued over. */
export const Evidence = z.strictObject({
  plan: TrainingPlan,
  machine: z.strictObject({ name: EnrolledMachine.shape.name, bundle: Sha256 }),
  environment: PreparedEnvironment,
  inputs: StagedInputs,
  completed: CompletedJob,
  release: Release,
  /** The approver's decision, where the site asks for one. */
  approval: DecisionEnvelope.optional(),
});
export type Evidence = z.infer<typeof Evidence>;

/** What the `model` workflow is asked for. It holds no metric's history and no list longer than the release. */
export const RegistrationRequest = z.strictObject({
  holder: Holder,
  evidence: Evidence,
  receipt: Receipt,
  run: RecordedRun,
  computeTarget: ComputeTarget,
});
export type RegistrationRequest = z.infer<typeof RegistrationRequest>;

/** From a run that ends without a version: what waits is dropped, what is under way is broken off, what was released goes. */
export const RegistrationWithdrawal = z.strictObject({ holder: Holder, model: ModelName });
export type RegistrationWithdrawal = z.infer<typeof RegistrationWithdrawal>;

export const RegistrationAnswer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('registered'), version: ModelVersion }),
  z.strictObject({ kind: z.literal('refused'), failure: Failure }),
]);
export type RegistrationAnswer = z.infer<typeof RegistrationAnswer>;

/** `withdrawn`: nothing of what was released is there any more. `kept`: the version had been made, and stays. */
export const WithdrawalAnswer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('withdrawn') }),
  z.strictObject({ kind: z.literal('kept') }),
  z.strictObject({ kind: z.literal('refused'), failure: Failure }),
]);
export type WithdrawalAnswer = z.infer<typeof WithdrawalAnswer>;
