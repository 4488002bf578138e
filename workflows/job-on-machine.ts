import { CancellationScope, isCancellation } from '@temporalio/workflow';
import { bytesText, count } from '../domain/amount-text.ts';
import type { CompletedJob, PreparedEnvironment, StagedInputs } from '../domain/completed-job.ts';
import type { Inspection, Release } from '../domain/release.ts';
import type { Envelope } from '../domain/statement.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import type { VirtualMachine } from '../domain/virtual-machine.ts';
import { Access } from './access.ts';
import type { Lease } from './lease.ts';
import { LeasedMachine } from './leased-machine.ts';
import type { Progress } from './status.ts';
import { cloudSteps, edgeSteps, KEEP_PATIENCE, UNDO_PATIENCE } from './steps.ts';

/** What one run does on its VM, in order, and how it leaves it. */
export class JobOnMachine {
  readonly #plan: TrainingPlan;
  readonly #machine: LeasedMachine;
  readonly #access: Access;
  readonly #lease: Lease;
  readonly #progress: Progress;
  #kept = false;
  /** The VM was given back: what is on it is no longer this job's. */
  #over = false;

  constructor(plan: TrainingPlan, machine: VirtualMachine, lease: Lease, progress: Progress) {
    this.#plan = plan;
    this.#machine = new LeasedMachine(machine, lease, plan);
    this.#access = Access.toData(plan, machine.publicKey);
    this.#lease = lease;
    this.#progress = progress;
  }

  /** Before any data is in reach. */
  async prepareEnvironment(): Promise<PreparedEnvironment> {
    return this.#progress.step(
      'environment',
      () => this.#prepare(),
      ({ python, digest, packages, cached }) =>
        `${python === undefined ? `image ${digest.slice(0, 12)}` : `Python ${python}, ${count(packages.length, 'package')}`}${cached ? ', as before' : ''}`,
    );
  }

  async grantData(): Promise<void> {
    await this.#access.grant();
  }

  async stageInputs(): Promise<StagedInputs> {
    const plan = this.#plan;
    return this.#progress.step(
      'stage',
      () => this.#access.do((grants) => this.#machine.do((edge) => edge.stageInputs({ plan, grants }))),
      ({ data: { files, bytes }, cached }) =>
        `${count(files, 'file')} of data, ${bytesText(bytes)}${cached ? ', as before' : ''}`,
    );
  }

  async train(environment: PreparedEnvironment): Promise<CompletedJob> {
    const plan = this.#plan;
    return this.#progress.step(
      'train',
      () => this.#access.do((grants) => this.#machine.do((edge) => edge.runTrainingJob({ plan, environment, grants }))),
      ({ metrics, starts, withheld }) =>
        `exit code 0, ${count(metrics.length, 'metric')}${withheld > 0 ? `, ${withheld} more numbers and words kept on site` : ''}${starts > 1 ? `, ${starts} starts` : ''}`,
    );
  }

  async keepOutputs(): Promise<void> {
    const plan = this.#plan;
    await this.#access.do((grants) => this.#machine.do((edge) => edge.keepOutputs({ plan, grants })));
    this.#kept = true;
  }

  async inspectOutputs(): Promise<Inspection> {
    const plan = this.#plan;
    return this.#progress.step(
      'inspect',
      () => this.#machine.do((edge) => edge.inspectOutputs({ plan })),
      ({ modelType, artifacts }) => `${modelType}, ${count(artifacts.length, 'file')}`,
    );
  }

  async release(inspection: Inspection, approval?: Envelope): Promise<Release> {
    return this.#progress.step(
      'release',
      () => this.#release(inspection, approval),
      ({ artifacts, bytes }) => `${count(artifacts.length, 'file')}, ${bytesText(bytes)}`,
    );
  }

  /** On a VM that was another's meanwhile, or is another one. */
  async restoreOutputs(inspection: Inspection): Promise<void> {
    const plan = this.#plan;
    await this.#access.do((grants) => this.#machine.do((edge) => edge.restoreOutputs({ plan, inspection, grants })));
  }

  /** The VM's part is over. What cannot be removed now, the VM's workflow removes before it leases the VM again. */
  async giveMachineBack(): Promise<void> {
    try {
      await this.#progress.step(
        'clean',
        () => this.#clean(),
        () => 'the job’s folders are removed',
      );
    } catch (error) {
      if (isCancellation(error)) throw error;
    }
    await this.#lease.giveBack();
    this.#over = true;
  }

  /** The VM is gone, and with it all that was on it: there is nothing to keep and nothing to remove. */
  lose(): void {
    this.#lease.cleaned();
    this.#over = true;
  }

  /** Best effort on what a failed run leaves; the log went to the site while it was written. A cancelled one keeps no more. */
  async undoTrain(reason: unknown): Promise<void> {
    if (isCancellation(reason) || this.#kept || this.#over || this.#lease.returned || this.#machine.isGone) return;
    const plan = this.#plan;
    const edge = edgeSteps(this.#machine.machine.queue, { within: KEEP_PATIENCE });
    await CancellationScope.withTimeout(KEEP_PATIENCE, () =>
      this.#access.do((grants) => edge.keepOutputs({ plan, grants })),
    );
  }

  async undoStage(): Promise<void> {
    if (!this.#over && !this.#lease.returned) await this.#clean();
  }

  async #prepare(): Promise<PreparedEnvironment> {
    const plan = this.#plan;
    if (plan.environment.image === undefined) return this.#machine.do((edge) => edge.prepareEnvironment({ plan }));
    const access = Access.toImage(plan, this.#machine.machine.publicKey);
    return access.do((grants) => this.#machine.do((edge) => edge.prepareEnvironment({ plan, grants })));
  }

  async #release(inspection: Inspection, approval: Envelope | undefined): Promise<Release> {
    const plan = this.#plan;
    const { publicKey: machineKey } = this.#machine.machine;
    const signed = approval ? { approval } : {};
    const access = new Access(async () => [
      await cloudSteps().grantArtifacts({ plan, inspection, machineKey, ...signed }),
    ]);
    return access.do((grants) =>
      this.#machine.do((edge) => edge.releaseArtifacts({ plan, inspection, grants, ...signed })),
    );
  }

  async #clean(): Promise<void> {
    // With the VM went all that was on it.
    if (!this.#machine.isGone)
      await edgeSteps(this.#machine.machine.queue, { within: UNDO_PATIENCE }).cleanJob(this.#plan.job);
    this.#lease.cleaned();
  }
}
