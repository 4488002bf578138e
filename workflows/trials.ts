import { CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';
import { count } from '../domain/amount-text.ts';
import { CLOUD_QUEUE, trialWorkflowId } from '../domain/resource-names.ts';
import type { KeptTrial, StoppedTrial } from '../domain/kept-trial.ts';
import { SIGNAL, WORKFLOW_TYPE } from '../domain/signals.ts';
import type { PlannedTrial, Sweep, SweepPlan } from '../domain/sweep.ts';
import type { TrainModelInput } from '../domain/train-model-input.ts';
import type { TrialStatus } from '../domain/trial-status.ts';
import { metricOf, type EndedTrial } from './best-trial.ts';
import { EarlyTerminations } from './early-terminations.ts';
import { toFailure } from './failure.ts';
import type { Progress } from './status.ts';
import { startWhenFree } from './start-when-free.ts';
import { SWEEP_HISTORY, TRIAL_NAME_WAIT } from './steps.ts';
import { together } from './together.ts';

interface Request {
  readonly input: TrainModelInput;
  readonly sweep: Sweep;
  readonly plan: SweepPlan;
  /** Of the sweep, in Azure ML. */
  readonly parentRun: string;
  readonly progress: Progress;
}

/** The trials of a sweep: children, so many at once, each slot with a VM of its own. One that fails ends no other. */
export class Trials {
  readonly #request: Request;
  readonly #early: EarlyTerminations | undefined;
  readonly #waiting: PlannedTrial[];
  readonly #statuses = new Map<number, TrialStatus>();
  readonly #ended: EndedTrial[] = [];
  readonly #begun: { readonly workflowId: string; readonly originalExecutionRunId: string }[] = [];

  constructor(request: Request) {
    this.#request = request;
    this.#early = EarlyTerminations.of(request.sweep);
    this.#waiting = [...request.plan.trials];
  }

  /** All that were begun, by what names their jobs. */
  get begun(): readonly { readonly workflowId: string; readonly originalExecutionRunId: string }[] {
    return this.#begun;
  }

  get statuses(): TrialStatus[] {
    return [...this.#statuses.values()].sort((a, b) => a.number - b.number);
  }

  /** One line on how they stand. */
  tally(): string {
    const of = (state: TrialStatus['state']) => this.statuses.filter((trial) => trial.state === state).length;
    const { trials } = this.#request.plan;
    const parts = (['done', 'running', 'stopped', 'failed', 'cancelled'] as const).flatMap((state) =>
      of(state) > 0 ? [`${of(state)} ${state}`] : [],
    );
    const never = this.#waiting.length > 0 && of('running') === 0 ? [`${this.#waiting.length} never begun`] : [];
    return `${count(trials.length, 'trial')}: ${[...parts, ...never].join(', ') || 'none begun'}`;
  }

  /** Runs them until all have ended, or the sweep's time is over. Throws only when the sweep is cancelled. */
  async run(): Promise<readonly EndedTrial[]> {
    const { plan, sweep } = this.#request;
    const slots = Array.from({ length: plan.concurrent }, (_, index) => index + 1);
    const sweepScope = CancellationScope.current();
    const all = async () => {
      await together(...slots.map((slot) => () => this.#work(slot, sweepScope)));
      await this.#work(1, sweepScope); // what a further VM was done without for, when the first had no more to do
    };
    const { timeout } = sweep.limits;
    await (timeout === undefined ? all() : CancellationScope.withTimeout(timeout * 1000, all));
    return this.#ended;
  }

  /** One trial after the other on one VM. A further VM that the site has no room for is done without. */
  async #work(slot: number, sweepScope: CancellationScope): Promise<void> {
    while (!CancellationScope.current().consideredCancelled && hasRoom()) {
      const trial = this.#waiting.shift();
      if (!trial) return;
      const ended = await this.#try(trial, slot, sweepScope);
      if (slot > 1 && 'failure' in ended && ended.failure.class === 'quota') {
        this.#waiting.unshift(trial);
        this.#statuses.delete(trial.number);
        return;
      }
      this.#ended.push(ended);
    }
  }

  async #try(trial: PlannedTrial, slot: number, sweepScope: CancellationScope): Promise<EndedTrial> {
    const { sweep, plan } = this.#request;
    const { number, parameters } = trial;
    const workflowId = trialWorkflowId(plan.workflowId, number);
    const status = { number, workflowId, state: 'running', parameters, startedAt: now() } as const;
    this.#show(status);
    try {
      const kept = await this.#child(trial, slot, workflowId);
      if ('stopped' in kept) return this.#stopped(status, kept);
      const value = metricOf(sweep.objective, kept);
      if (typeof value !== 'number')
        return { status: this.#show({ ...status, ...failed(value.cause) }), failure: value };
      return { status: this.#show({ ...status, state: 'done', value, endedAt: now() }), kept, value };
    } catch (error) {
      if (!isCancellation(error)) {
        const failure = toFailure(error);
        return { status: this.#show({ ...status, ...failed(failure.cause) }), failure };
      }
      const cancelled = this.#show({ ...status, state: 'cancelled', endedAt: now() });
      if (sweepScope.consideredCancelled) throw error;
      return { status: cancelled, failure: toFailure(error) };
    }
  }

  #stopped(begun: TrialStatus, { stopped: detail }: StoppedTrial): EndedTrial {
    const status = this.#show({ ...begun, state: 'stopped', endedAt: now(), detail });
    return {
      status,
      failure: {
        class: 'script',
        type: 'StoppedEarly',
        cause: detail,
        nextStep: 'Nothing, or raise delay_evaluation.',
      },
    };
  }

  async #child(trial: PlannedTrial, slot: number, workflowId: string): Promise<KeptTrial | StoppedTrial> {
    const { input, parentRun } = this.#request;
    // A sweep that was terminated leaves trials that still undo what they did, under the names of the next one's.
    const child = await startWhenFree(
      WORKFLOW_TYPE.trial,
      {
        workflowId,
        taskQueue: CLOUD_QUEUE,
        args: [{ input, trial: { ...trial, slot, parentRun } }],
        parentClosePolicy: 'REQUEST_CANCEL',
        cancellationType: 'WAIT_CANCELLATION_COMPLETED',
        staticSummary: `Trial ${trial.number} of ${input.model.name} at ${input.site}`,
      },
      { wait: TRIAL_NAME_WAIT },
    );
    this.#begun.push({ workflowId, originalExecutionRunId: child.firstExecutionRunId });
    this.#early?.begun(trial.number, (reason) => void child.signal(SIGNAL.stopTrial, reason).catch(hasEnded));
    try {
      return (await child.result()) as KeptTrial | StoppedTrial;
    } finally {
      this.#early?.ended(trial.number);
    }
  }

  #show(status: TrialStatus): TrialStatus {
    this.#statuses.set(status.number, status);
    this.#request.progress.tried(this.statuses, this.tally());
    return status;
  }
}

function hasRoom(): boolean {
  const { historySize, historyLength } = workflowInfo();
  return historySize < SWEEP_HISTORY.bytes && historyLength < SWEEP_HISTORY.events;
}

const hasEnded = (): void => {}; // it is told nothing any more
const now = (): string => new Date().toISOString();
const failed = (cause: string) => ({ state: 'failed', endedAt: now(), detail: cause.split('\n', 1)[0] ?? '' }) as const;
