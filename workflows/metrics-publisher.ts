import {
  CancellationScope,
  condition,
  isCancellation,
  log,
  patched,
  type ChildWorkflowHandle,
  type Workflow,
} from '@temporalio/workflow';
import type { Duration } from '@temporalio/common';
import type { CompletedJob } from '../domain/completed-job.ts';
import type { PublishedMetrics } from '../domain/metric-stream.ts';
import type { RecordedRun } from '../domain/model-version.ts';
import { trackingPolicy } from '../domain/release.ts';
import { CLOUD_QUEUE, metricsWorkflowId } from '../domain/resource-names.ts';
import { SIGNAL, WORKFLOW_TYPE } from '../domain/signals.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import type { MetricWatch } from '../domain/trial-intervals.ts';
import { toFailure } from './failure.ts';
import type { MetricsState } from './publish-metrics.ts';
import { startWhenFree } from './start-when-free.ts';
import type { Progress } from './status.ts';
import { METRICS_GRACE, METRICS_STARTS, OFFLINE_TOLERANCE, TRIAL_NAME_WAIT, UNDO_PATIENCE } from './steps.ts';

/** A run's side of `publishMetrics`. Whatever becomes of that, the run goes on; when the run is closed, it ends too. */
export class MetricsPublisher {
  readonly #plan: TrainingPlan;
  readonly #progress: Progress;
  readonly #watch: MetricWatch | undefined;
  #child: ChildWorkflowHandle<Workflow> | undefined;
  #begun = false;
  #over = false;
  #published: PublishedMetrics | undefined;

  /** `watch`: of a trial that its sweep may stop. */
  constructor(plan: TrainingPlan, progress: Progress, watch?: MetricWatch) {
    this.#plan = plan;
    this.#progress = progress;
    this.#watch = watch;
  }

  /** The script is about to run on the VM that listens on `queue`: the first, or another after one was lost. */
  async follow(run: RecordedRun, queue: string): Promise<void> {
    if (!patched('publish-metrics')) return;
    const state = this.#over ? this.#goesOn() : undefined;
    if (this.#begun && !state) return this.#tell(SIGNAL.metricsMachine, queue);
    this.#begun = true;
    this.#over = false;
    try {
      const start = () => this.#start(run, queue, state);
      // Of a trial that is stopped, what it has logged goes on its way.
      this.#child = await (this.#watch ? CancellationScope.nonCancellable(start) : start());
      void this.#hear(this.#child);
    } catch (error) {
      if (isCancellation(error)) throw error;
      this.#lost(error);
    }
  }

  /** Before the run's record ends: waits until Azure ML has all numbers, as long as for any service. */
  async finish(patience: Duration = OFFLINE_TOLERANCE): Promise<void> {
    if (!this.#begun) return;
    if (!(await condition(() => this.#over, METRICS_GRACE))) {
      await this.#tell(SIGNAL.metricsEnd, 'drain');
      if (!(await condition(() => this.#over, patience))) {
        await this.#tell(SIGNAL.metricsEnd, 'stop');
        await condition(() => this.#over, UNDO_PATIENCE);
      }
    }
    if (this.#published) this.#progress.published(this.#published.points);
  }

  /** Before the VM forgets what the script logged. A cancelled run publishes no more. */
  async undo(reason: unknown): Promise<void> {
    if (!isCancellation(reason)) await this.finish(UNDO_PATIENCE);
  }

  /** With what has left: where that is not known, all that was allowed to. */
  counted(completed: CompletedJob): CompletedJob {
    if (!this.#begun) return completed;
    const most = trackingPolicy(this.#plan.release).metrics.points;
    const { points, names } = this.#published ?? { points: most, names: completed.metrics.map(({ name }) => name) };
    return { ...completed, published: { points, names } };
  }

  /** All of one VM's numbers had left when its script ended, which starts once more on another. */
  #goesOn(): MetricsState | undefined {
    const { after, points, withheld, watched } = this.#published ?? {};
    return after && { after, points: points ?? 0, withheld: withheld ?? 0, ...(watched ? { watched } : {}) };
  }

  async #start(run: RecordedRun, queue: string, state?: MetricsState): Promise<ChildWorkflowHandle<Workflow>> {
    const { job, release, model, site } = this.#plan;
    const watch = this.#watch ? { watch: this.#watch } : {};
    // A reset run's own may not have ended yet.
    return startWhenFree(
      WORKFLOW_TYPE.publishMetrics,
      {
        workflowId: metricsWorkflowId(job),
        taskQueue: CLOUD_QUEUE,
        args: [{ plan: { job, release }, run, queue, ...watch, ...(state ? { state } : {}) }],
        parentClosePolicy: 'TERMINATE',
        staticSummary: `Numbers of ${model.name} at ${site}, to Azure ML`,
      },
      { wait: TRIAL_NAME_WAIT, most: METRICS_STARTS },
    );
  }

  async #hear(child: ChildWorkflowHandle<Workflow>): Promise<void> {
    try {
      this.#published = (await child.result()) as PublishedMetrics;
      this.#over = true;
    } catch (error) {
      this.#lost(error);
    }
  }

  /** One that has ended is told nothing any more. */
  async #tell(signal: string, word: string): Promise<void> {
    if (this.#over || !this.#child) return;
    try {
      await this.#child.signal(signal, word);
    } catch (error) {
      if (isCancellation(error)) throw error;
      log.warn('publishMetrics has ended', { signal });
    }
  }

  #lost(error: unknown): void {
    this.#over = true;
    if (!isCancellation(error)) log.warn('numbers reach Azure ML no more', { cause: toFailure(error).cause });
  }
}
