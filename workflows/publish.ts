import { patched } from '@temporalio/workflow';
import { bytesText } from '../domain/amount-text.ts';
import type { CompletedJob, PreparedEnvironment, StagedInputs } from '../domain/completed-job.ts';
import type {
  ContainerImage,
  Evidence,
  ImageAttestation,
  ModelVersion,
  RecordedRun,
  RegistrationRequest,
} from '../domain/model-version.ts';
import { attestationText, RegistrationAnswer } from '../domain/model-version.ts';
import { SIGNAL } from '../domain/signals.ts';
import type { Receipt } from '../domain/statement.ts';
import type { TrainModelResult } from '../domain/train-model-result.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import { parse } from '../domain/validation.ts';
import type { VirtualMachine } from '../domain/virtual-machine.ts';
import { Answers } from './answers.ts';
import type { AzureRecord } from './azure-record.ts';
import { failWith } from './failure.ts';
import type { Lease } from './lease.ts';
import type { Released } from './release.ts';
import type { Progress } from './status.ts';
import { cloudSteps, siteSteps } from './steps.ts';
import { together } from './together.ts';

interface Published {
  readonly receipt: Receipt;
  readonly version: ModelVersion;
  readonly image: ContainerImage;
  /** Absent: the run began with an older edge-train, which attached nothing. */
  readonly attestation?: ImageAttestation;
}

/** A run whose script has ended well. */
interface Ended {
  readonly plan: TrainingPlan;
  readonly machine: VirtualMachine;
  readonly run: RecordedRun;
  readonly environment: PreparedEnvironment;
  readonly inputs: StagedInputs;
  readonly completed: CompletedJob;
}

/** Publishes what was released, while the VM that it left from is given back. */
export async function publishReleased(
  { plan, machine, run, environment, inputs, completed }: Ended,
  { release, approval, job }: Released,
  { lease, record, progress }: { lease: Lease; record: AzureRecord; progress: Progress },
): Promise<TrainModelResult> {
  const { name, bundle, computeTarget } = machine;
  const proven = { plan, machine: { name, bundle }, environment, inputs, completed, release };
  const evidence = approval ? { ...proven, approval } : proven;
  const [published] = await together(
    () => publish({ holder: lease.holder, evidence, run, computeTarget }, record, progress),
    () => job.giveMachineBack(),
  );
  return summary(evidence, machine, run, published);
}

/** What a run ends with. */
function summary(
  evidence: Evidence,
  machine: VirtualMachine,
  run: RecordedRun,
  published: Published,
): TrainModelResult {
  const { plan, inputs, completed, release } = evidence;
  return {
    job: plan.job,
    site: plan.site,
    virtualMachine: machine.name,
    computeTarget: machine.computeTarget,
    run,
    model: published.version,
    image: published.image,
    ...(published.attestation ? { attestation: published.attestation } : {}),
    metrics: completed.metrics,
    parameters: completed.parameters,
    data: inputs.data,
    released: release,
    receipt: published.receipt.digest,
    trainingSeconds: (Date.parse(completed.endedAt) - Date.parse(completed.startedAt)) / 1000,
  };
}

/** From what left the site to what can be deployed. The signed receipt comes first; a version, once made, stays. */
async function publish(
  request: Omit<RegistrationRequest, 'receipt'>,
  record: AzureRecord,
  progress: Progress,
): Promise<Published> {
  const { evidence } = request;
  const { repository } = evidence.plan.image;
  const receipt = await progress.step(
    'receipt',
    () => siteSteps().issueReceipt(evidence),
    ({ digest }) => `sha256:${digest}`,
  );
  const version = await progress.step(
    'register',
    () => registered({ ...request, receipt }),
    ({ name, version }) => `${name} version ${version}`,
  );
  record.registered();
  const image = await progress.step(
    'image',
    () => cloudSteps().buildImage({ evidence, version, repository }),
    ({ repository, tag, digest, uploadedBytes }) => `${repository}:${tag}@${digest}, ${bytesText(uploadedBytes)} sent`,
  );
  if (!patched('attest-image')) return { receipt, version, image };
  const attestation = await progress.step(
    'sign',
    () => cloudSteps().attestImage({ evidence, version, receipt, image }),
    attestationText,
  );
  if (patched('follow-latest')) await followLatest(request);
  return { receipt, version, image, attestation };
}

/** Nobody waits for it: the model's own workflow lets `latest` name the newest version that has an image. */
async function followLatest({ holder, evidence: { plan } }: Omit<RegistrationRequest, 'receipt'>): Promise<void> {
  const change = { action: 'follow', site: plan.site, model: plan.model.name } as const;
  await cloudSteps().requestChange({ holder, change, at: new Date().toISOString() });
}

/** The model's own workflow gives versions, in order. */
async function registered(request: RegistrationRequest): Promise<ModelVersion> {
  const answers = new Answers<RegistrationAnswer>(
    SIGNAL.versionRegistered,
    request.holder.job,
    (value) => parse(RegistrationAnswer, value),
    'From the model’s workflow: the version, or why there is none.',
  );
  const answer = await answers.to(() => cloudSteps().requestRegistration(request));
  if (answer.kind === 'refused') throw failWith(answer.failure);
  return answer.version;
}
