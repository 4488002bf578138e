import { CancellationScope, log } from '@temporalio/workflow';
import { toFailure } from './failure.ts';

/** `reason` is the failure or the cancellation that made it necessary. */
type Undo = (reason: unknown) => Promise<void>;

/**
 * What must be undone when a workflow fails or is cancelled. Each undo is registered before its deed, tolerates that
 * the deed was never done, and cannot be cancelled; they are done last first.
 */
export class Compensation {
  readonly #undos: { readonly name: string; readonly undo: Undo }[] = [];

  /** `name` says what is undone, for people: `give the VM back`. */
  register(name: string, undo: Undo): void {
    this.#undos.push({ name, undo });
  }

  get isEmpty(): boolean {
    return this.#undos.length === 0;
  }

  /** Undoes everything, whatever of it fails. Returns what could not be undone, one line each. */
  async undo(reason: unknown): Promise<string[]> {
    return CancellationScope.nonCancellable(async () => {
      const left: string[] = [];
      for (let next = this.#undos.pop(); next; next = this.#undos.pop()) {
        try {
          await next.undo(reason);
        } catch (error) {
          const { cause } = toFailure(error);
          log.warn('could not undo', { what: next.name, cause });
          left.push(`${next.name}: ${cause}`);
        }
      }
      return left;
    });
  }
}
