import { defineSignal, log, setHandler } from '@temporalio/workflow';
import { reasonToStop, type EarlyTermination, type TrialRecord } from '../domain/early-termination.ts';
import { SIGNAL } from '../domain/signals.ts';
import type { Objective, Sweep } from '../domain/sweep.ts';
import { TrialIntervals } from '../domain/trial-intervals.ts';

/** Stops a trial, which may have ended meanwhile. */
type Stop = (reason: string) => void;

/** A sweep's policy: hears how its trials do while they train, and stops those that do badly. */
export class EarlyTerminations {
  readonly #policy: EarlyTermination;
  readonly #objective: Objective;
  readonly #records = new Map<number, TrialRecord>();
  readonly #running = new Map<number, Stop>();

  /** Nothing where the sweep has no policy. */
  static of({ early_termination: policy, objective }: Sweep): EarlyTerminations | undefined {
    return policy && new EarlyTerminations(policy, objective);
  }

  private constructor(policy: EarlyTermination, objective: Objective) {
    this.#policy = policy;
    this.#objective = objective;
    setHandler(defineSignal<[unknown]>(SIGNAL.trialLogged), (news) => this.#hear(news), {
      description: 'From a trial: how its primary metric stands.',
    });
  }

  begun(trial: number, stop: Stop): void {
    this.#records.set(trial, { intervals: [], ended: false });
    this.#running.set(trial, stop);
  }

  ended(trial: number): void {
    const record = this.#records.get(trial);
    if (record) this.#records.set(trial, { ...record, ended: true });
    this.#running.delete(trial);
  }

  #hear(news: unknown): void {
    const heard = TrialIntervals.safeParse(news);
    const record = heard.success ? this.#records.get(heard.data.trial) : undefined;
    if (!heard.success || !record) return log.warn('no news of a trial');
    const { trial, intervals, ended } = heard.data;
    this.#records.set(trial, { ...record, intervals: [...record.intervals, ...intervals] });
    const stop = this.#running.get(trial);
    if (!stop || ended) return;
    const others = [...this.#records].flatMap(([number, each]) => (number === trial ? [] : [each]));
    for (const interval of intervals) {
      const reason = reasonToStop(this.#policy, this.#objective, interval, others);
      if (reason === undefined) continue;
      this.#running.delete(trial);
      return stop(reason);
    }
  }
}
