import type { CompletedJob } from '../domain/completed-job.ts';
import type { RecordedRun } from '../domain/model-version.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import type { VirtualMachine } from '../domain/virtual-machine.ts';
import { AzureRecord, type Ending } from './azure-record.ts';
import { cloudSteps, UNDO_PATIENCE } from './steps.ts';

/** Azure ML's record of a run, which the script's exit code ends. */
export class RunRecord extends AzureRecord {
  readonly #plan: TrainingPlan;
  #machine: VirtualMachine | undefined;
  #run: RecordedRun | undefined;
  #completed: CompletedJob | undefined;

  constructor(plan: TrainingPlan) {
    super();
    this.#plan = plan;
  }

  /** With the VM that it began on; a run that goes on with another is still that run. */
  async begin(machine: VirtualMachine): Promise<RecordedRun> {
    this.#machine ??= machine;
    return (this.#run ??= await this.#record(this.#machine));
  }

  /** The script has ended well, whatever becomes of what is done `first`: its numbers are brought there. */
  async finish(run: RecordedRun, completed: CompletedJob, first: () => Promise<void>): Promise<void> {
    this.#completed = completed;
    await first();
    await this.end(run, this.#results());
  }

  protected override async find(): Promise<RecordedRun | undefined> {
    return this.#run ?? (this.#machine && (await this.#record(this.#machine, UNDO_PATIENCE)));
  }

  protected override ending(killed: boolean): Ending {
    return { status: killed ? 'KILLED' : this.#completed ? 'FINISHED' : 'FAILED', ...this.#results() };
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
