import {
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  log,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { count } from '../domain/amount-text.ts';
import {
  NOTHING_PUBLISHED,
  type MetricsBatch,
  type MetricsCursor,
  type PublishedMetrics,
} from '../domain/metric-stream.ts';
import type { RecordedRun } from '../domain/model-version.ts';
import { SIGNAL } from '../domain/signals.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import type { MetricWatch, WatchedMetric } from '../domain/trial-intervals.ts';
import { isSilence, toFailure } from './failure.ts';
import { cloudSteps, edgeSteps } from './steps.ts';
import { tellSweep } from './tell-sweep.ts';

export interface MetricsStart {
  readonly plan: Pick<TrainingPlan, 'job' | 'release'>;
  readonly run: RecordedRun;
  /** Of the VM that trains. */
  readonly queue: string;
  /** Of a trial whose sweep stops what does badly. */
  readonly watch?: MetricWatch;
  /** Carried over by continue-as-new. */
  readonly state?: MetricsState;
}

export interface MetricsState {
  readonly after: MetricsCursor;
  /** How many points have left the site, and how many had to stay. */
  readonly points: number;
  readonly withheld: number;
  /** What the run has said: the script has ended, and what of the rest it waits for. */
  readonly end?: 'drain' | 'stop';
  readonly watched?: WatchedMetric;
}

/**
 * A run's child: carries the numbers that its script logs to Azure ML, in order, while it trains. What leaves the VM is
 * logged before more is read, and both are asked again until they have happened; so none is lost and none is doubled. It
 * follows the run from VM to VM, and ends when the script has ended and all is there, or when the run waits no longer.
 */
export async function publishMetrics(start: MetricsStart): Promise<PublishedMetrics> {
  const publishing = new Publishing(start);
  for (;;) {
    const batch = await publishing.read();
    if (batch) await publishing.tell(batch);
    if (batch) await publishing.log(batch);
    if (publishing.ended) return publishing.result;
    if (workflowInfo().continueAsNewSuggested) return continueAsNew<typeof publishMetrics>(publishing.next);
  }
}

class Publishing {
  readonly #start: MetricsStart;
  #queue: string;
  #state: MetricsState;
  #complete = false;
  #ended = false;

  constructor(start: MetricsStart) {
    this.#start = start;
    this.#queue = start.queue;
    this.#state = start.state ?? { after: NOTHING_PUBLISHED, points: 0, withheld: 0 };
    setHandler(defineSignal<[string]>(SIGNAL.metricsMachine), (queue) => void (this.#queue = queue), {
      description: 'From the run: it goes on with another VM.',
    });
    const end = (how: 'drain' | 'stop') => void (this.#state = { ...this.#state, end: how });
    setHandler(defineSignal<['drain' | 'stop']>(SIGNAL.metricsEnd), end, {
      description: 'From the run: the script has ended. `drain`: publish the rest; `stop`: publish no more.',
    });
    setHandler(defineQuery<PublishedMetrics>('published'), () => this.summary, {
      description: 'How many numbers are in Azure ML.',
    });
    this.#show();
  }

  get ended(): boolean {
    return this.#ended;
  }

  get summary(): PublishedMetrics {
    const { points, withheld, after } = this.#state;
    return { points, withheld, names: Object.keys(after.steps).sort(), complete: this.#complete };
  }

  get result(): PublishedMetrics {
    const { after, watched } = this.#state;
    return { ...this.summary, after, ...(watched ? { watched } : {}) };
  }

  get next(): MetricsStart {
    return { ...this.#start, queue: this.#queue, state: this.#state };
  }

  /** Nothing where the VM is silent, or the run has gone to another, or the script has ended meanwhile: then it is asked anew. */
  async read(): Promise<MetricsBatch | undefined> {
    const queue = this.#queue;
    const { after, end } = this.#state;
    const { plan } = this.#start;
    const asAsked = () => this.#queue === queue && this.#state.end === end;
    try {
      return await this.#asLongAs(asAsked, () =>
        edgeSteps(queue).readMetrics({ plan, after, ended: end !== undefined }),
      );
    } catch (error) {
      if (!asAsked() && this.#state.end !== 'stop' && isInterrupted(error)) return undefined;
      if (isSilence(error) && this.#state.end === undefined) return undefined;
      this.#giveUp(error);
      return undefined;
    }
  }

  /** Azure ML may be away for long: a trial's sweep need not wait for it. */
  async tell(batch: MetricsBatch): Promise<void> {
    const { watch } = this.#start;
    if (watch) this.#state = { ...this.#state, watched: await tellSweep(watch, this.#state.watched, batch) };
  }

  /** Counted before it is known to be there: it has left the site. */
  async log({ points, after, withheld, ended }: MetricsBatch): Promise<void> {
    const { run } = this.#start;
    this.#state = {
      ...this.#state,
      after,
      points: this.#state.points + points.length,
      withheld: this.#state.withheld + withheld,
    };
    try {
      if (points.length > 0)
        await this.#asLongAs(
          () => true,
          () => cloudSteps().logMetrics({ run, points }),
        );
      this.#complete = this.#ended = ended;
    } catch (error) {
      this.#giveUp(error);
    }
    this.#show();
  }

  /** Does a step for as long as it is wanted and the run waits; a cancelled one is waited for, and may still have ended well. */
  async #asLongAs<T>(wanted: () => boolean, step: () => Promise<T>): Promise<T> {
    const work = new CancellationScope();
    const watch = new CancellationScope();
    const watching = watch
      .run(() => condition(() => !wanted() || this.#state.end === 'stop'))
      .then(
        () => work.cancel(),
        () => {},
      );
    try {
      return await work.run(step);
    } finally {
      watch.cancel();
      await watching;
    }
  }

  /** Its run trains on. @throws CancelledFailure when it is itself cancelled */
  #giveUp(error: unknown): void {
    if (isCancellation(error) && this.#state.end !== 'stop') throw error;
    log.warn('not all numbers are in Azure ML', { cause: toFailure(error).cause });
    this.#ended = true;
  }

  #show(): void {
    const { points, names, withheld } = this.summary;
    const stayed = withheld > 0 ? `; ${count(withheld, 'number')} stayed on site` : '';
    setCurrentDetails(`${count(points, 'number')} of ${count(names.length, 'metric')} in Azure ML${stayed}`);
  }
}

const isInterrupted = (error: unknown): boolean => isCancellation(error) || isSilence(error);
