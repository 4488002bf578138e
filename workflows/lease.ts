import { isCancellation, workflowInfo } from '@temporalio/workflow';
import { count, memoryText } from '../domain/amount-text.ts';
import { SIGNAL } from '../domain/signals.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import { parse } from '../domain/validation.ts';
import { LeaseAnswer, type Holder, type VirtualMachine } from '../domain/virtual-machine.ts';
import { Answers } from './answers.ts';
import { failWith } from './failure.ts';
import { cloudSteps, UNDO_PATIENCE } from './steps.ts';

/** What a lease must know: a training's plan, or a deployment's. */
type Planned = Pick<TrainingPlan, 'job' | 'virtualMachine'>;

/** A run's side of its VM's lease. */
export class Lease {
  readonly #answers: Answers<LeaseAnswer>;
  #plan: Planned;
  #taken: VirtualMachine | undefined;
  #asked = false;
  #clean = false;
  #returned = false;

  constructor(plan: Planned) {
    this.#plan = plan;
    this.#answers = new Answers(
      SIGNAL.leaseAnswered,
      plan.job,
      (value) => parse(LeaseAnswer, value),
      'From the VM’s workflow: the VM is yours, or why it cannot be.',
    );
  }

  /** Waits its turn. Asked again while held, the VM's workflow makes the VM ready again (it was stopped) and answers. */
  async take(): Promise<VirtualMachine> {
    const machine = this.#plan.virtualMachine;
    this.#asked = true;
    const answer = await this.#answers.to(() => cloudSteps().leaseVirtualMachine({ holder: this.holder, machine }));
    if (answer.kind === 'refused') throw failWith(answer.failure);
    this.#taken ??= answer.virtualMachine;
    return answer.virtualMachine;
  }

  /** After it was given back: the VM may have been another's, or be made anew. */
  async takeAgain(): Promise<VirtualMachine> {
    this.#taken = undefined;
    this.#returned = false;
    this.#clean = false;
    return this.take();
  }

  /** After it was given back: the job goes on with another VM. */
  moveTo(plan: Planned): void {
    this.#plan = plan;
  }

  /** The VM may be another run's by now. */
  get returned(): boolean {
    return this.#returned;
  }

  /** The job's folders are gone: the VM's workflow need not remove them. */
  cleaned(): void {
    this.#clean = true;
  }

  /** Gives the VM back, or withdraws the request. Twice is once. */
  async giveBack(): Promise<void> {
    await this.#giveBack(this.#plan.virtualMachine.after);
  }

  /** A VM that was made for a run which is cancelled goes with it, unless another run waits for it. */
  async giveBackAfter(reason: unknown): Promise<void> {
    const goes = isCancellation(reason) && this.#taken?.created === true;
    await this.#giveBack(goes ? 'delete' : this.#plan.virtualMachine.after);
  }

  get holder(): Holder {
    const { workflowId, runId } = workflowInfo();
    return { workflowId, runId, job: this.#plan.job };
  }

  async #giveBack(after: TrainingPlan['virtualMachine']['after']): Promise<void> {
    if (!this.#asked || this.#returned) return;
    const machine = this.#plan.virtualMachine.name;
    await cloudSteps(UNDO_PATIENCE).returnVirtualMachine({ holder: this.holder, clean: this.#clean, after, machine });
    this.#returned = true;
  }
}

export function describeMachine({ name, size, computeTarget }: VirtualMachine): string {
  const target = computeTarget.state === 'attached' ? `, compute target ${computeTarget.name}` : '';
  return `${name}: ${count(size.cores, 'core')}, ${memoryText(size.memoryMiB)}${target}`;
}
