import { isCancellation } from '@temporalio/workflow';
import type { CloudActivities } from '../activities/contract.ts';
import type { RecordedRun } from '../domain/model-version.ts';
import { cloudSteps, UNDO_PATIENCE } from './steps.ts';
import { StoppedEarly } from './stopped-early.ts';

/** How a run ends in Azure ML. */
export type Ending = Omit<Parameters<CloudActivities['finishRun']>[0], 'run'>;

/**
 * Azure ML's record of a run or of a sweep. It is FINISHED when the work has ended well, whatever becomes of the model; what is
 * cancelled before the model has a version was killed.
 */
export abstract class AzureRecord {
  #finished = false;
  #registered = false;

  /** Its model has a version: it stays FINISHED from now on. */
  registered(): void {
    this.#registered = true;
  }

  get isRegistered(): boolean {
    return this.#registered;
  }

  async undo(reason: unknown): Promise<void> {
    const killed = (isCancellation(reason) || reason instanceof StoppedEarly) && !this.#registered;
    if (this.#finished && !killed) return;
    const run = await this.find();
    if (run) await cloudSteps(UNDO_PATIENCE).finishRun({ run, ...this.ending(killed) });
  }

  protected async end(run: RecordedRun, results: Omit<Ending, 'status'>): Promise<void> {
    await cloudSteps().finishRun({ run, status: 'FINISHED', ...results });
    this.#finished = true;
  }

  /** By its `job` tag where its beginning was interrupted; undefined where it was never begun. */
  protected abstract find(): Promise<RecordedRun | undefined>;

  /** Of one that did not finish, or was killed. */
  protected abstract ending(killed: boolean): Ending;
}
