import { jobId, siteRunPath } from '../../domain/resource-names.ts';
import type { Trial } from '../../domain/sweep.ts';
import { TrainModelInput } from '../../domain/train-model-input.ts';
import type { PlanFile, TrainingPlan } from '../../domain/training-plan.ts';
import { parse, type Issue } from '../../domain/validation.ts';
import { ensureContainer } from '../../services/blob-storage.ts';
import { invalidInput, ServiceError } from '../../services/errors.ts';
import { sha256 } from '../../services/signing.ts';
import type { SiteDependencies, Step } from './dependencies.ts';
import { requireDeployments } from './deploy/plan-deployment.ts';
import { findData, type PlannedData } from './plan/data.ts';
import { composePlan } from './plan/compose.ts';
import { chooseEnvironment } from './plan/environment.ts';
import { chooseImage } from './plan/image.ts';
import { chooseMachine } from './plan/machine.ts';
import { chooseModel } from './plan/model.ts';
import { keepPlanFile, readPlanFile } from './plan-file.ts';
import type { SiteSession } from './site-session.ts';

export interface PlanRequest {
  input: TrainModelInput;
  workflowId: string;
  originalExecutionRunId: string;
  trial?: Trial;
}

/**
 * Everything that is derived, from the input and the site as it is now, and frozen: who plans the same job again gets the
 * same plan. All faults of the input are told at once. Changes nothing but the plan's file in the site's run container.
 * @throws ServiceError `InvalidInput` (class `data` where only data is missing), `QuotaExceeded`
 */
export async function planTraining(
  session: SiteSession,
  step: Step,
  dependencies: SiteDependencies,
  request: PlanRequest,
): Promise<TrainingPlan> {
  const input = checkedInput(session, request.input);
  const job = jobId(sha256, request.workflowId, request.originalExecutionRunId);
  const frozen = await readPlanFile(session, dependencies, job);
  if (frozen) return frozen.plan;

  const choices = await choose(session, step, input, request.trial?.slot);
  const { workflowId, trial } = request;
  const plan = composePlan({ session, input, job, workflowId, ...choices, ...(trial ? { trial } : {}) });
  const runs = (await session.account(session.site.runs.account)).container(session.site.runs.container);
  await ensureContainer(runs);
  await keepPlanFile(session, dependencies, planFile(plan, choices.data));
  const kept = await readPlanFile(session, dependencies, job);
  if (!kept) throw overwritten(job);
  return kept.plan;
}

/**
 * What the site makes of an input, with all its faults at once. `slot`: which of a sweep's VMs.
 * @throws ServiceError `InvalidInput`, `QuotaExceeded`, `DeploymentsNotAllowed`
 */
export async function choose(session: SiteSession, step: Step, input: TrainModelInput, slot = 1) {
  if (input.deploy === 'site') requireDeployments(session);
  const data = await findData(session, input);
  const asked = input.job.environment;
  const environment = (await chooseImage(session, step, asked)) ?? chooseEnvironment(session.site, asked);
  const model = chooseModel(input);
  const machine = await chooseMachine(session, step, input, data.inputs, slot);
  refuse([...environment.issues, ...model.issues, ...machine.issues], data.issues);
  const { shortage, ...chosenMachine } = chosen(machine);
  if (shortage) throw shortage;
  return { data: data.inputs, environment: chosen(environment), model: chosen(model), machine: chosenMachine };
}

/** Either a value, or why there is none; a value may stand beside issues. */
export interface Choice<T> {
  readonly value?: T;
  readonly issues: readonly Issue[];
}

function chosen<T>({ value, issues }: Choice<T>): T {
  if (value === undefined) throw invalidInput(issues);
  return value;
}

/** The workflow has validated it; this room takes no one's word. */
export function checkedInput({ site }: SiteSession, given: TrainModelInput): TrainModelInput {
  const parsed = parse(TrainModelInput, given);
  if (!parsed.ok) throw invalidInput(parsed.issues);
  if (parsed.value.site === site.name) return parsed.value;
  throw invalidInput([
    { path: 'site', rule: `this worker serves the site ${site.name}`, value: JSON.stringify(parsed.value.site) },
  ]);
}

function refuse(issues: readonly Issue[], dataIssues: readonly Issue[]): void {
  if (issues.length > 0) throw invalidInput([...issues, ...dataIssues]);
  if (dataIssues.length > 0) throw invalidInput(dataIssues, 'data');
}

function planFile(plan: TrainingPlan, data: readonly PlannedData[]): PlanFile {
  return {
    plan,
    inputs: data.map(({ input, blobs }) => ({ name: input.name, store: input.data.store, blobs: [...blobs] })),
  };
}

/** Two attempts at once, one of which Temporal has given up: the next finds a settled state. */
function overwritten(job: string): ServiceError {
  return new ServiceError({
    class: 'internal',
    type: 'PlanOverwritten',
    cause: `Another attempt wrote ${siteRunPath(job, 'plan.json')} at the same time.`,
    nextStep: 'It is tried again.',
    retryable: true,
  });
}
