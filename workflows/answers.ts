import { condition, defineSignal, log, setHandler, workflowInfo } from '@temporalio/workflow';
import { describeIssues, type Parsed } from '../domain/validation.ts';
import { Holder } from '../domain/virtual-machine.ts';
import { ASK_AGAIN } from './steps.ts';

/**
 * Answers that come by signal. Whoever answers says whom: a run that was reset must not take its forerunner's answer.
 */
export class Answers<T> {
  #last: { readonly answer: T } | undefined;

  constructor(signal: string, read: (value: unknown) => Parsed<T>, description: string) {
    const receive = (value: unknown, holder?: unknown): void => {
      const answer = read(value);
      const whom = Holder.safeParse(holder);
      if (!answer.ok) log.warn('not an answer', { signal, issues: describeIssues(answer.issues) });
      else if (whom.success && whom.data.runId !== workflowInfo().runId)
        log.warn('an answer to another run', { signal });
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
