import { isCancellation } from '@temporalio/workflow';
import type { CompletedJob } from '../domain/completed-job.ts';
import type { RecordedRun } from '../domain/model-version.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import type { VirtualMachine } from '../domain/virtual-machine.ts';
import { cloudSteps, UNDO_PATIENCE } from './steps.ts';

/** Azure ML's record of a run. The script's exit code ends it; a run that is cancelled before its model is registered was killed. */
export class RunRecord {
  readonly #plan: TrainingPlan;
  #machine: VirtualMachine | undefined;
  #run: RecordedRun | undefined;
  #completed: CompletedJob | undefined;
  #finished = false;
  #registered = false;

  constructor(plan: TrainingPlan) {
    this.#plan = plan;
  }

  /** With the VM that it began on; a run that goes on with another is still that run. */
  async begin(machine: VirtualMachine): Promise<RecordedRun> {
    this.#machine ??= machine;
    return (this.#run ??= await this.#record(this.#machine));
  }

  /** The script has ended well, whatever becomes of its model. */
  async finish(run: RecordedRun, completed: CompletedJob): Promise<void> {
    this.#completed = completed;
    await cloudSteps().finishRun({ run, status: 'FINISHED', ...this.#results() });
    this.#finished = true;
  }

  /** Its model has a version: the run stays FINISHED from now on. */
  registered(): void {
    this.#registered = true;
  }

  get isRegistered(): boolean {
    return this.#registered;
  }

  /** Found by its `job` tag where `begin` was interrupted. */
  async undo(reason: unknown): Promise<void> {
    const killed = isCancellation(reason) && !this.#registered;
    if (!this.#machine || (this.#finished && !killed)) return;
    const run = this.#run ?? (await this.#record(this.#machine, UNDO_PATIENCE));
    const status = killed ? 'KILLED' : this.#completed ? 'FINISHED' : 'FAILED';
    await cloudSteps(UNDO_PATIENCE).finishRun({ run, status, ...this.#results() });
  }

  /** A trial's point of the search space is among its parameters, however it ends; the script may have logged it too. */
  #results() {
    const tried = this.#plan.trial?.parameters;
    if (!this.#completed && !tried) return {};
    const { parameters = {}, metrics = [], endedAt = new Date().toISOString() } = this.#completed ?? {};
    return { completed: { parameters: { ...parameters, ...tried }, metrics, endedAt } };
  }

  async #record(on: VirtualMachine, within?: Parameters<typeof cloudSteps>[0]): Promise<RecordedRun> {
    const { computeTarget, ...machine } = on;
    return cloudSteps(within).recordRun({ plan: this.#plan, machine, computeTarget });
  }
}
