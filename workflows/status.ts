import { defineQuery, isCancellation, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { Failure } from '../domain/failure.ts';
import { STEPS, type RunStatus, type Step, type StepName } from '../domain/run-status.ts';
import type { TrainModelInput } from '../domain/train-model-input.ts';
import type { TrainModelResult } from '../domain/train-model-result.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import { toFailure } from './failure.ts';

export const statusQuery = defineQuery<RunStatus>('status');

/** What a person sees of a run: the `status` query, and the same as Markdown in the Temporal UI. */
export class Progress {
  #status: RunStatus;

  constructor(input?: TrainModelInput) {
    const machine = input?.virtualMachine.name ?? 'VM';
    this.#status = {
      ...(input ? { site: input.site, model: input.model.name } : {}),
      state: 'running',
      steps: STEPS.filter((name) => name !== 'approve').map((name) => ({
        name,
        where: PLACES[name] ?? machine,
        state: 'waiting',
      })),
    };
    setHandler(statusQuery, () => this.#status, { description: 'The run’s steps: what is done, where, since when.' });
    this.#show();
  }

  planned(plan: TrainingPlan): void {
    const machine = plan.virtualMachine.name;
    const steps = STEPS.filter((name) => name !== 'approve' || plan.release.approval).map(
      (name) =>
        this.#status.steps.find((step) => step.name === name) ?? { name, where: 'site', state: 'waiting' as const },
    );
    const placed = steps.map((step) => (PLACES[step.name] ? step : { ...step, where: machine }));
    this.#status = { ...this.#status, job: plan.job, virtualMachine: machine, steps: placed };
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

  succeed(result: TrainModelResult): TrainModelResult {
    this.#end({ state: 'succeeded', result });
    return result;
  }

  fail(failure: Failure): void {
    this.#end({ state: 'failed', failure });
  }

  cancelled(): void {
    this.#end({ state: 'cancelled' });
  }

  #end(end: Pick<RunStatus, 'state' | 'result' | 'failure'>): void {
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
    setCurrentDetails(markdown(this.#status));
  }
}

/** Where a step is done; what is missing is done on the VM. */
const PLACES: Partial<Record<StepName, string>> = {
  plan: 'site',
  lease: 'site',
  record: 'cloud',
  approve: 'site',
  receipt: 'site',
  register: 'cloud',
  image: 'cloud',
};

const MARKS: Record<Step['state'], string> = { waiting: '·', running: '▶', done: '✓', failed: '✗', skipped: '–' };

function markdown(status: RunStatus): string {
  const rows = status.steps.map(
    ({ name, where, state, startedAt, endedAt, detail }) =>
      `| ${MARKS[state]} | ${name} | ${where} | ${seconds(startedAt, endedAt)} | ${cell(detail ?? '')} |`,
  );
  const { failure } = status;
  const end = failure ? `\n\n**${failure.type}** (${failure.class}): ${failure.cause}\n\n${failure.nextStep}` : '';
  return [`**${status.state}**`, '', '| | step | where | s | |', '|---|---|---|---:|---|', ...rows].join('\n') + end;
}

const now = (): string => new Date().toISOString();
const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';
const cell = (text: string): string => text.replace(/[|\r\n]+/g, ' ');
const seconds = (from?: string, to?: string): string =>
  from && to ? ((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1) : '';
