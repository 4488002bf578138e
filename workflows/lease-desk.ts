import type { JobId } from '../domain/resource-names.ts';
import type { MachinePlan } from '../domain/training-plan.ts';
import { holderKey, type Holder, type LeaseRequest, type LeaseReturn } from '../domain/virtual-machine.ts';

type After = MachinePlan['after'];

/** What continue-as-new carries over. */
export interface DeskState {
  readonly waiting: readonly LeaseRequest[];
  readonly held?: LeaseRequest;
  readonly uncleaned: readonly JobId[];
  /** What becomes of the VM when nobody wants it, `after` as the last lease said. Absent: it is at rest. */
  readonly then?: MachinePlan;
}

/** Who has the VM and who waits for it: first come, first served. Rules only; it waits for nothing and calls nobody. */
export class LeaseDesk {
  readonly #waiting = new Map<string, LeaseRequest>();
  readonly #uncleaned = new Set<JobId>();
  #held: LeaseRequest | undefined;
  #then: MachinePlan | undefined;
  #askedAgain = false;
  #arrivals = 0;

  constructor(state: DeskState = { waiting: [], uncleaned: [] }) {
    for (const request of state.waiting) this.#waiting.set(holderKey(request.holder), request);
    for (const job of state.uncleaned) this.#uncleaned.add(job);
    this.#held = state.held;
    this.#then = state.then;
  }

  /** Asking twice is one request; a holder that asks again wants its answer again, at the run id that it has now. */
  ask(request: LeaseRequest): void {
    const key = holderKey(request.holder);
    if (this.holds(request.holder)) {
      this.#held = request;
      this.#askedAgain = true;
    } else {
      if (!this.#waiting.has(key)) this.#arrivals++;
      this.#waiting.set(key, request);
    }
  }

  /** Ends a lease, or withdraws a request; of anyone else it is nothing. */
  giveBack({ holder, clean, after }: LeaseReturn): void {
    this.#waiting.delete(holderKey(holder));
    if (this.holds(holder)) this.#free(clean, after);
  }

  /** The VM is the first waiter's. */
  lease(request: LeaseRequest): void {
    this.#waiting.delete(holderKey(request.holder));
    this.#held = request;
    this.#askedAgain = false;
    this.#then = request.machine;
  }

  /** It is about to be made ready: should it never be leased, it is kept for a while like any idle VM. */
  wanted(request: LeaseRequest): void {
    this.#then ??= { ...request.machine, after: 'keep' };
  }

  /** The holder has gone without a word: its job may still run. */
  lost(holder: Holder, after?: After): void {
    if (this.#held && this.holds(holder)) this.#free(false, after ?? this.#held.machine.after);
  }

  refuse(request: LeaseRequest): void {
    this.#waiting.delete(holderKey(request.holder));
  }

  cleaned(job: JobId): void {
    this.#uncleaned.delete(job);
  }

  /** The VM is gone, and with it all that was on it; or it is asleep, as was wanted. */
  atRest(gone: boolean): void {
    if (gone) this.#uncleaned.clear();
    this.#then = undefined;
  }

  takeAskedAgain(): boolean {
    const asked = this.#askedAgain;
    this.#askedAgain = false;
    return asked;
  }

  holds = (holder: Holder): boolean => this.#held !== undefined && holderKey(this.#held.holder) === holderKey(holder);
  waits = (holder: Holder): boolean => this.#waiting.has(holderKey(holder));

  get next(): LeaseRequest | undefined {
    return this.#waiting.values().next().value;
  }
  get held(): LeaseRequest | undefined {
    return this.#held;
  }
  get askedAgain(): boolean {
    return this.#askedAgain;
  }
  /** Rises with each new request. */
  get arrivals(): number {
    return this.#arrivals;
  }
  get uncleaned(): readonly JobId[] {
    return [...this.#uncleaned];
  }
  get then(): MachinePlan | undefined {
    return this.#then;
  }

  /** Nobody has it, nobody waits for it, and it is at rest. */
  get isIdle(): boolean {
    return this.#held === undefined && this.#waiting.size === 0 && this.#then === undefined;
  }

  get state(): DeskState {
    return {
      waiting: [...this.#waiting.values()],
      uncleaned: this.uncleaned,
      ...(this.#held ? { held: this.#held } : {}),
      ...(this.#then ? { then: this.#then } : {}),
    };
  }

  #free(clean: boolean, after: After): void {
    if (!this.#held) return;
    if (!clean) this.#uncleaned.add(this.#held.holder.job);
    this.#then = { ...this.#held.machine, after };
    this.#held = undefined;
    this.#askedAgain = false;
  }
}
