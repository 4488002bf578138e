import type { CheckRequest, CloudChecks, SiteChecks } from '../domain/check.ts';
import type { CompletedJob, Metric, PreparedEnvironment, StagedInputs } from '../domain/completed-job.ts';
import type { SealedGrant } from '../domain/grant.ts';
import type { MetricsBatch, MetricsCursor } from '../domain/metric-stream.ts';
import type {
  ContainerImage,
  ImageAttestation,
  Evidence,
  ModelVersion,
  RecordedRun,
  RegistrationRequest,
  RegistrationWithdrawal,
} from '../domain/model-version.ts';
import type { Inspection, Release } from '../domain/release.ts';
import type { DecisionPredicate, Envelope, Receipt, UnsignedDecision } from '../domain/statement.ts';
import type { JobId } from '../domain/resource-names.ts';
import type { SweepPlan, Trial } from '../domain/sweep.ts';
import type { TrainModelInput } from '../domain/train-model-input.ts';
import type { MachinePlan, TrainingPlan } from '../domain/training-plan.ts';
import type {
  ComputeTarget,
  EnrolledMachine,
  Hello,
  Holder,
  InstalledMachine,
  LeaseRequest,
  LeaseReturn,
  MachineKey,
  PowerState,
  ProvisionedMachine,
} from '../domain/virtual-machine.ts';
import type { CloudEndpoints } from './contract/endpoint.ts';
import type { CloudModels } from './contract/models.ts';
import type { CloudServing, EdgeServing, SiteServing } from './contract/serving.ts';

/**
 * What workflows may ask for. Each verb takes the value before it and its own part of the plan, and returns the next
 * value, complete. Every verb may be executed many times with the effect of once. Failures carry `domain/failure.ts`.
 */

/** What became of a VM that should rest. */
export type Rest = 'rests' | 'serves';

export interface SiteActivities extends SiteServing {
  /** Reads policy, sizes, quotas and that the inputs exist; changes nothing but `plan.json` in the run container. */
  planTraining(request: {
    input: TrainModelInput;
    workflowId: string;
    originalExecutionRunId: string;
    /** Where it is one of a sweep's. */
    trial?: Trial;
  }): Promise<TrainingPlan>;
  /** What a sweep will try, after whatever its first trial would be refused for. Changes nothing. */
  planSweep(request: {
    input: TrainModelInput;
    workflowId: string;
    originalExecutionRunId: string;
  }): Promise<SweepPlan>;
  /**
   * The same job with the next larger VM size that the site allows: its plan is frozen anew. Asked again with the plan that it
   * had before, the answer is the same.
   */
  enlargeMachine(plan: TrainingPlan): Promise<TrainingPlan>;
  /** GET first, PUT only what is absent, start what is deallocated. Minutes; heartbeats its poller's state. */
  provisionVirtualMachine(machine: MachinePlan): Promise<ProvisionedMachine>;
  /**
   * Puts the bundle's worker on the VM by the CustomScript extension; the same bundle is there once. The workflow then
   * asks `hello` on `queue`, and has an EnrolledMachine when bundle and public key are the same.
   */
  enrolVirtualMachine(machine: ProvisionedMachine): Promise<InstalledMachine>;
  /** The same for an existing host, over SSH: it must show the host key that `site.yml` states, or nothing is sent to it. */
  adoptHost(machine: MachinePlan): Promise<InstalledMachine>;
  /** Adds the public address and the one rule for TCP 22. Returns the address to dial. */
  openAttachRule(machine: MachinePlan): Promise<{ address: string }>;
  /** Removes that rule and that address; absent is fine. */
  closeAttachRule(machine: MachinePlan): Promise<void>;
  /** Of an existing host: whether it answers over SSH. */
  inspectVirtualMachine(machine: string): Promise<PowerState>;
  /** Absent or already deallocated is fine. One on which a model serves stays as it is: `serves`. */
  deallocateVirtualMachine(machine: string): Promise<Rest>;
  /** Removes the VM and all that was made with it (`machineResources`), by our tag only; absent is fine. The same. */
  deleteVirtualMachine(machine: string): Promise<Rest>;
  /** The VM's next Temporal credential, sealed to the VM. Only where `temporal.jwt` of site.yml gave it one. */
  grantCredential(request: { machine: string; machineKey: MachineKey }): Promise<SealedGrant>;
  /**
   * The same for a VM whose own has run out, so that it takes no step: by the extension, or over SSH. Its jobs go on. Returns
   * until when it holds. Minutes.
   */
  installCredential(machine: string): Promise<{ expires: string }>;
  /** A short token that pulls the plan's image, sealed to the VM. Only where the plan has one. */
  grantImage(request: { plan: TrainingPlan; machineKey: MachineKey }): Promise<SealedGrant>;
  /** Read SAS for the plan's stores, write SAS for the site's run container; sealed to the VM. */
  grantData(request: { plan: TrainingPlan; machineKey: MachineKey }): Promise<SealedGrant>;
  /** What somebody said without a key, in the form of a decision, for `acceptDecision` to judge. */
  writeDecision(request: { plan: TrainingPlan; inspection: Inspection; said: UnsignedDecision }): Promise<Envelope>;
  /** Whether an approver of the site signed this decision on what was inspected; kept on site. Fails where it does not count. */
  acceptDecision(request: {
    plan: TrainingPlan;
    inspection: Inspection;
    envelope: Envelope;
  }): Promise<DecisionPredicate>;
  /** Where the site asks for approval of the first release only: the word on an earlier one that holds for this; null: ask. */
  standingApproval(request: { plan: TrainingPlan; inspection: Inspection }): Promise<Envelope | null>;
  /** For `doctor`: a fault is a Check, never a failure. `release`: HOST:PORT that the uplink is asked for. */
  checkSite(request: CheckRequest & { release?: string }): Promise<SiteChecks>;
  /** Signs over the evidence and keeps the envelope in the site's run container. The same job has one receipt. */
  issueReceipt(evidence: Evidence): Promise<Receipt>;
  /** Removes all that a cancelled run left in the site's run container, but its log; absent is fine. */
  discardRun(request: { workflowId: string; originalExecutionRunId: string }): Promise<void>;
}

export interface CloudActivities extends CloudServing, CloudEndpoints, CloudModels {
  /** Signal with start of the VM's workflow; asking twice is one request. The answer comes by signal. */
  leaseVirtualMachine(request: LeaseRequest): Promise<void>;
  returnVirtualMachine(request: LeaseReturn & { machine: string }): Promise<void>;
  /** Whether the holder's run is still open: what frees a lease after Terminate. */
  describeHolder(holder: Holder): Promise<'open' | 'closed'>;
  /** GET before PUT. Fails with class `network` or `policy` where Azure ML cannot reach the VM. */
  attachComputeTarget(request: { machine: EnrolledMachine; name: string; address: string }): Promise<ComputeTarget>;
  /** The compute target if Azure ML has it already for this VM. */
  findComputeTarget(request: { machine: EnrolledMachine; name: string }): Promise<ComputeTarget | null>;
  /** Removes the compute target's record (`Detach`), never the VM; absent is fine. */
  detachComputeTarget(name: string): Promise<void>;
  /** Finds the MLflow run by its `job` tag, else creates it, RUNNING, tagged with the compute target. */
  recordRun(request: {
    plan: TrainingPlan;
    machine: EnrolledMachine;
    computeTarget: ComputeTarget;
  }): Promise<RecordedRun>;
  /** The same for a sweep's own run, the parent of its trials'. */
  recordSweep(request: { plan: SweepPlan }): Promise<RecordedRun>;
  /**
   * Logs these points in their order. After a lost answer, or of a killed worker, it asks what is there and sends what is
   * missing: a point is told from another by its name, step, value and time.
   */
  logMetrics(request: { run: RecordedRun; points: Metric[] }): Promise<void>;
  /** Ends the run: parameters, last metrics that it has not yet, status from the exit code. */
  finishRun(request: {
    run: RecordedRun;
    status: 'FINISHED' | 'FAILED' | 'KILLED';
    completed?: Pick<CompletedJob, 'parameters' | 'metrics' | 'endedAt'>;
  }): Promise<void>;
  grantCode(request: { plan: TrainingPlan; machineKey: MachineKey }): Promise<SealedGrant>;
  /** 1 h write SAS for exactly these artifacts. */
  grantArtifacts(request: {
    plan: TrainingPlan;
    inspection: Inspection;
    machineKey: MachineKey;
    approval?: Envelope;
  }): Promise<SealedGrant>;
  /** Signal with start of the `model` workflow. The answer comes by signal. */
  requestRegistration(request: RegistrationRequest): Promise<void>;
  /**
   * In the `model` workflow's order: verifies the receipt, hashes the staged blobs, moves them to where no SAS of an edge
   * reaches, finds the version by its `job` tag or makes the next one, and reads it back.
   */
  registerModel(request: RegistrationRequest): Promise<ModelVersion>;
  /** For `doctor`: a fault is a Check, never a failure. Changes nothing. */
  checkCloud(request: CheckRequest): Promise<CloudChecks>;
  /** Signal with start of the `model` workflow. The answer comes by signal. */
  withdrawRegistration(request: RegistrationWithdrawal): Promise<void>;
  /** In the `model` workflow's order: removes what was released for a version that is not there. A version stays. */
  discardRelease(request: RegistrationWithdrawal): Promise<'discarded' | 'registered'>;
  /** The same content has the same digest; what the registry has is not sent again. */
  buildImage(request: { evidence: Evidence; version: ModelVersion; repository: string }): Promise<ContainerImage>;
  /** Attaches SBOM, provenance, receipt and signature; a retry attaches the same ones. Without a key in `cloud.yml`: nothing. */
  attestImage(request: {
    evidence: Evidence;
    version: ModelVersion;
    receipt: Receipt;
    image: ContainerImage;
  }): Promise<ImageAttestation>;
}

export interface EdgeActivities extends EdgeServing {
  hello(): Promise<Hello>;
  /** Takes up the VM's next Temporal credential, on the connection that it has; an older one than it has is left. */
  renewCredential(request: { grants: SealedGrant[] }): Promise<void>;
  /** Before any data is in reach. Content-addressed, published by rename. `grants`: where the plan has an image. */
  prepareEnvironment(request: { plan: TrainingPlan; grants?: SealedGrant[] }): Promise<PreparedEnvironment>;
  /** Code and inputs, verified by digest, read-only. Fails as `GrantExpired` where a grant has run out. */
  stageInputs(request: { plan: TrainingPlan; grants: SealedGrant[] }): Promise<StagedInputs>;
  /** One unit a job; a retry re-attaches. At most 3 starts after interruptions; a script's own failure is final. */
  runTrainingJob(request: {
    plan: TrainingPlan;
    environment: PreparedEnvironment;
    grants: SealedGrant[];
  }): Promise<CompletedJob>;
  /**
   * What the script has logged behind a cursor, as far as the policy on the VM and the plan's let it leave; waits for some,
   * at most a minute. Asked again it says the same points. `ended`: there will be no more, so nothing is waited for.
   */
  readMetrics(request: {
    plan: Pick<TrainingPlan, 'job' | 'release'>;
    after: MetricsCursor;
    ended: boolean;
  }): Promise<MetricsBatch>;
  /** Regular files of the model's output only, with their digests, against the policy on the VM. */
  inspectOutputs(request: { plan: TrainingPlan }): Promise<Inspection>;
  /** Copies every output and the log to the site's run container: what is not released stays readable there. */
  keepOutputs(request: { plan: TrainingPlan; grants: SealedGrant[] }): Promise<void>;
  /** Brings the inspected artifacts back from the site's run container, after the VM was another's. */
  restoreOutputs(request: { plan: TrainingPlan; inspection: Inspection; grants: SealedGrant[] }): Promise<void>;
  /**
   * Sends exactly the inspected artifacts; a file that no longer hashes the same is refused. Where the policy on the VM
   * asks for approval, only with one.
   */
  releaseArtifacts(request: {
    plan: TrainingPlan;
    inspection: Inspection;
    grants: SealedGrant[];
    approval?: Envelope;
  }): Promise<Release>;
  /** Stops the job if it runs, and removes its folders by name; absent is fine. */
  cleanJob(job: JobId): Promise<void>;
}
