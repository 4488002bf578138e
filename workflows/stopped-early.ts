import { CancellationScope, defineSignal, isCancellation, setHandler } from '@temporalio/workflow';
import { SIGNAL } from '../domain/signals.ts';

/** Why a trial ends before its script does, though nothing failed and nobody cancelled it. Never leaves the workflow. */
export class StoppedEarly extends Error {}

/** The sweep's word that a trial is to end. */
export class EarlyStop {
  readonly #work = new CancellationScope();
  #reason: string | undefined;

  constructor() {
    const hear = (reason: string) => {
      this.#reason ??= reason;
      this.#work.cancel();
    };
    setHandler(defineSignal<[string]>(SIGNAL.stopTrial), hear, {
      description: 'From the sweep: this trial does badly and is to end, unless its script has ended.',
    });
  }

  /** Trains unless the sweep says no. @throws StoppedEarly */
  async unless<T>(deed: () => Promise<T>): Promise<T> {
    try {
      return await this.#work.run(deed);
    } catch (error) {
      const isSweeps = this.#reason !== undefined && !CancellationScope.current().consideredCancelled;
      if (isSweeps && isCancellation(error)) throw new StoppedEarly(this.#reason);
      throw error;
    }
  }
}
