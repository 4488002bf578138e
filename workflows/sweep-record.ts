import type { KeptTrial } from '../domain/kept-trial.ts';
import type { RecordedRun } from '../domain/model-version.ts';
import type { SweepPlan } from '../domain/sweep.ts';
import { AzureRecord, type Ending } from './azure-record.ts';
import { cloudSteps, UNDO_PATIENCE } from './steps.ts';

/** Azure ML's record of a sweep, the parent of its trials' runs. It ends with the best trial's parameters and metrics. */
export class SweepRecord extends AzureRecord {
  readonly #plan: SweepPlan;
  #asked = false;
  #run: RecordedRun | undefined;

  constructor(plan: SweepPlan) {
    super();
    this.#plan = plan;
  }

  async begin(): Promise<RecordedRun> {
    this.#asked = true;
    return (this.#run = await cloudSteps().recordSweep({ plan: this.#plan }));
  }

  /** The best trial is known. */
  async finish(run: RecordedRun, { plan, completed }: KeptTrial): Promise<void> {
    const { metrics, endedAt } = completed;
    const parameters = { ...completed.parameters, ...plan.trial?.parameters };
    await this.end(run, { completed: { parameters, metrics, endedAt } });
  }

  protected override async find(): Promise<RecordedRun | undefined> {
    if (this.#run || !this.#asked) return this.#run;
    return cloudSteps(UNDO_PATIENCE).recordSweep({ plan: this.#plan });
  }

  protected override ending(killed: boolean): Ending {
    return { status: killed ? 'KILLED' : 'FAILED' };
  }
}
