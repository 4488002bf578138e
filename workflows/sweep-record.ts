import { isCancellation } from '@temporalio/workflow';
import type { KeptTrial } from '../domain/kept-trial.ts';
import type { RecordedRun } from '../domain/model-version.ts';
import type { SweepPlan } from '../domain/sweep.ts';
import { cloudSteps, UNDO_PATIENCE } from './steps.ts';
import type { VersionedRecord } from './withdrawal.ts';

/** Azure ML's record of a sweep, the parent of its trials' runs. It ends with the best trial's parameters and metrics. */
export class SweepRecord implements VersionedRecord {
  readonly #plan: SweepPlan;
  #asked = false;
  #run: RecordedRun | undefined;
  #finished = false;
  #registered = false;

  constructor(plan: SweepPlan) {
    this.#plan = plan;
  }

  async begin(): Promise<RecordedRun> {
    this.#asked = true;
    return (this.#run = await cloudSteps().recordSweep({ plan: this.#plan }));
  }

  /** The best trial is known, whatever becomes of its model. */
  async finish(run: RecordedRun, { plan, completed }: KeptTrial): Promise<void> {
    const { metrics, endedAt } = completed;
    const parameters = { ...completed.parameters, ...plan.trial?.parameters };
    await cloudSteps().finishRun({ run, status: 'FINISHED', completed: { parameters, metrics, endedAt } });
    this.#finished = true;
  }

  registered(): void {
    this.#registered = true;
  }

  get isRegistered(): boolean {
    return this.#registered;
  }

  /** Found by its `job` tag where `begin` was interrupted. */
  async undo(reason: unknown): Promise<void> {
    const killed = isCancellation(reason) && !this.#registered;
    if (!this.#asked || (this.#finished && !killed)) return;
    const run = this.#run ?? (await cloudSteps(UNDO_PATIENCE).recordSweep({ plan: this.#plan }));
    await cloudSteps(UNDO_PATIENCE).finishRun({ run, status: killed ? 'KILLED' : 'FAILED' });
  }
}
