import { defineQuery, isCancellation, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { DeployModelResult } from '../domain/deployment.ts';
import type { Failure } from '../domain/failure.ts';
import type { Inspection } from '../domain/release.ts';
import { STEPS, SWEEP_STEPS, type RunStatus, type Step, type StepName } from '../domain/run-status.ts';
import type { JobStatus } from '../domain/search-attributes.ts';
import type { DeployTarget } from '../domain/train-model-input.ts';
import type { TrainModelResult } from '../domain/train-model-result.ts';
import type { Standing } from '../domain/statement.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import type { TrialStatus } from '../domain/trial-status.ts';
import { toFailure } from './failure.ts';
import { runDetails } from './run-details.ts';
import { SearchAttributes } from './search-attributes.ts';

export const statusQuery = defineQuery<RunStatus>('status');

/** What a run, or a deployment, is about. */
export interface About {
  readonly site: string;
  readonly model: { readonly name: string };
  readonly virtualMachine: { readonly name?: string | undefined };
  readonly sweep?: unknown;
  readonly deploy?: DeployTarget | undefined;
}

/** What a person sees of a run: the `status` query, and the same as Markdown in the Temporal UI. */
export class Progress {
  #status: RunStatus;
  readonly #names: readonly StepName[];
  readonly #found = new SearchAttributes();

  /** `names`: the steps that there are; absent, a run's or a sweep's. `everywhere`: where all of them are done. */
  constructor(input?: About, names: readonly StepName[] = namesFor(input), everywhere?: string) {
    this.#names = names;
    const machine = input?.virtualMachine.name ?? 'VM';
    this.#status = {
      ...(input ? { site: input.site, model: input.model.name } : {}),
      state: 'running',
      steps: names
        .filter((name) => name !== 'approve')
        .map((name) => ({
          name,
          where: everywhere ?? (name === 'deploy' ? input?.deploy : PLACES[name]) ?? machine,
          state: 'waiting',
        })),
    };
    if (input) this.#found.set({ site: input.site, model: input.model.name });
    setHandler(statusQuery, () => this.#status, { description: 'The run’s steps: what is done, where, since when.' });
    this.#show();
  }

  planned(plan: Pick<TrainingPlan, 'job' | 'virtualMachine'> & Partial<Pick<TrainingPlan, 'release'>>): void {
    const machine = plan.virtualMachine.name;
    const steps = this.#names
      .filter((name) => name !== 'approve' || plan.release?.approval)
      .map(
        (name) =>
          this.#status.steps.find((step) => step.name === name) ?? { name, where: 'site', state: 'waiting' as const },
      );
    const placed = steps.map((step) => (PLACES[step.name] ? step : { ...step, where: machine }));
    this.#status = { ...this.#status, job: plan.job, virtualMachine: machine, steps: placed };
    this.#found.set({ virtualMachine: machine });
    this.#show();
  }

  /** Does a step and shows it. `detail` is one line of what came of it: never a path on site nor a script's output. */
  async step<T>(name: StepName, deed: () => Promise<T>, detail: (value: T) => string): Promise<T> {
    this.#mark(name, { state: 'running', startedAt: now() });
    try {
      const value = await deed();
      this.#mark(name, { state: 'done', endedAt: now(), detail: detail(value) });
      return value;
    } catch (error) {
      const cause = isCancellation(error) ? 'cancelled' : firstLine(toFailure(error).cause);
      this.#mark(name, { state: 'failed', endedAt: now(), detail: cause });
      throw error;
    }
  }

  /** One line on a step that is under way, such as why it waits. */
  note(name: StepName, detail: string): void {
    this.#mark(name, { detail });
  }

  /** How many numbers of the script's are in Azure ML. */
  published(points: number): void {
    this.#status = { ...this.#status, published: points };
    this.#show();
  }

  /** How a sweep's trials stand. */
  tried(trials: TrialStatus[], tally: string): void {
    this.#status = { ...this.#status, trials };
    this.note('trials', tally);
  }

  /** What an approver is asked; undefined when it is decided. */
  waitsForApproval(inspection: Inspection | undefined, advice?: string, standing?: Standing): void {
    const { approval: _, ...status } = this.#status;
    const { digest: release, artifacts, verdicts } = inspection ?? {};
    const asked =
      release && artifacts && verdicts
        ? { release, artifacts, verdicts, ...(standing ? { standing } : {}) }
        : undefined;
    this.#status = asked ? { ...status, approval: asked } : status;
    if (advice) this.note('approve', advice);
    else this.#show();
  }

  deployed(deployed: DeployModelResult): void {
    this.#end({ state: 'succeeded', deployed });
  }

  succeed(result?: TrainModelResult): void {
    this.#end({ state: 'succeeded', ...(result ? { result } : {}) });
  }

  fail(failure: Failure): void {
    this.#end({ state: 'failed', failure });
  }

  cancelled(): void {
    this.#end({ state: 'cancelled' });
  }

  #end(end: Pick<RunStatus, 'state' | 'result' | 'deployed' | 'failure'>): void {
    const steps = this.#status.steps.map((step) =>
      step.state === 'waiting' ? { ...step, state: 'skipped' as const } : step,
    );
    this.#status = { ...this.#status, ...end, steps };
    this.#show();
  }

  #mark(name: StepName, change: Partial<Step>): void {
    const steps = this.#status.steps.map((step) => (step.name === name ? { ...step, ...change } : step));
    this.#status = { ...this.#status, steps };
    this.#show();
  }

  #show(): void {
    setCurrentDetails(runDetails(this.#status));
    this.#found.set({ jobStatus: jobStatus(this.#status) });
  }
}

const namesFor = (input?: About): readonly StepName[] =>
  (input?.sweep ? SWEEP_STEPS : STEPS).filter((name) => name !== 'deploy' || input?.deploy !== undefined);

/** Where a step is done; what is missing is done on the VM. */
const PLACES: Partial<Record<StepName, string>> = {
  find: 'cloud',
  plan: 'site',
  lease: 'site',
  record: 'cloud',
  trials: 'site',
  approve: 'site',
  receipt: 'site',
  register: 'cloud',
  image: 'cloud',
  sign: 'cloud',
  deploy: 'site',
};

/** In Azure ML's words; a run that waits for approval is finalizing. */
function jobStatus({ state, steps }: RunStatus): JobStatus {
  if (state !== 'running') return ENDS[state];
  if (steps.some((step) => step.name === 'trials' && step.state === 'done')) return 'Finalizing';
  const begun = steps.findLast((step) => step.state !== 'waiting' && step.name !== 'clean')?.name ?? 'plan';
  return PHASES[begun] ?? 'Finalizing';
}

const ENDS = { succeeded: 'Completed', failed: 'Failed', cancelled: 'Canceled' } as const;
const PHASES: Partial<Record<StepName, JobStatus>> = {
  plan: 'Queued',
  lease: 'Queued',
  record: 'Preparing',
  environment: 'Preparing',
  stage: 'Preparing',
  train: 'Running',
  trials: 'Running',
};

const now = (): string => new Date().toISOString();
const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';
