import { condition, defineSignal, log, setHandler } from '@temporalio/workflow';
import type { JobId } from '../domain/resource-names.ts';
import { describeIssues, type Parsed } from '../domain/validation.ts';
import { Holder } from '../domain/virtual-machine.ts';
import { ASK_AGAIN } from './steps.ts';

/**
 * Answers that come by signal. Whoever answers says to which job. Run ids are no part of it: a reset changes them, and
 * the history before the reset must replay as it was.
 */
export class Answers<T> {
  #last: { readonly answer: T } | undefined;

  constructor(signal: string, job: JobId, read: (value: unknown) => Parsed<T>, description: string) {
    const receive = (value: unknown, holder?: unknown): void => {
      const answer = read(value);
      const whom = Holder.safeParse(holder);
      if (!answer.ok) log.warn('not an answer', { signal, issues: describeIssues(answer.issues) });
      else if (whom.success && whom.data.job !== job) log.warn('an answer to another job', { signal });
      else this.#last = { answer: answer.value };
    };
    setHandler(defineSignal<[unknown, unknown]>(signal), receive, { description });
  }

  /** Asks, and returns the answer; asks again when none comes, so a lost answer or a lost question is not for ever. */
  async to(ask: () => Promise<void>): Promise<T> {
    this.#last = undefined;
    for (;;) {
      await ask();
      await condition(() => this.#last !== undefined, ASK_AGAIN);
      if (this.#last) return (this.#last as { readonly answer: T }).answer;
    }
  }
}
