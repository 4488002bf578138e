import { basename } from 'node:path/posix';
import { pathToFileURL } from 'node:url';
import type { CommandJob } from '../../../domain/command-job.ts';
import { fillCommand, literalText } from '../../../domain/command-text.ts';
import { distributionVariables } from '../../../domain/distribution.ts';
import type { EnvironmentPlan } from '../../../domain/environment.ts';
import { computeTargetName, defaultRepository, type JobId } from '../../../domain/resource-names.ts';
import type { Trial } from '../../../domain/sweep.ts';
import type { TrainModelInput } from '../../../domain/train-model-input.ts';
import { CAGE, type PlannedInput, type TrainingPlan } from '../../../domain/training-plan.ts';
import { recipeDigest } from '../../../services/release-decision.ts';
import { sha256 } from '../../../services/signing.ts';
import type { SiteSession } from '../site-session.ts';
import type { PlannedData } from './data.ts';
import { memoryLimits, type MachineChoice } from './machine.ts';
import type { ModelChoice } from './model.ts';

/** Puts what was chosen into one plan; the same choices make the same plan, byte for byte. */
export function composePlan(chosen: {
  session: SiteSession;
  input: TrainModelInput;
  job: JobId;
  workflowId: string;
  data: readonly PlannedData[];
  environment: EnvironmentPlan;
  model: ModelChoice;
  machine: MachineChoice;
  trial?: Trial;
}): TrainingPlan {
  const { session, input, job, machine, model, trial } = chosen;
  const { site } = session;
  const inputs = chosen.data.map((each) => each.input);
  const plan: TrainingPlan = {
    job,
    site: site.name,
    workflowId: chosen.workflowId,
    siteFile: session.digest,
    virtualMachine: {
      site: site.name,
      name: machine.name,
      ...(machine.host ? { host: machine.host } : {}),
      size: machine.size,
      ...(machine.larger ? { larger: machine.larger } : {}),
      after: input.virtualMachine.after,
      onLoss: input.virtualMachine.onLoss,
      ...(input.virtualMachine.onOutOfMemory === 'larger' && !machine.host ? { onOutOfMemory: 'larger' as const } : {}),
      attach: machine.host ? 'never' : site.attach.mode,
      idleSeconds: Math.round(site.virtualMachines.idleMinutes * 60),
      computeTarget: computeTargetName(sha256, machine.name),
    },
    ...(trial ? { trial } : {}),
    command: fillCommand(input.job.command, {
      inputs: inputValues(input.job, inputs),
      outputs: outputValues(model),
      parameters: trial?.parameters ?? {},
    }),
    environmentVariables: {
      ...(input.job.distribution ? distributionVariables(input.job.distribution) : {}),
      ...literals(input.job.environment_variables),
    },
    environment: chosen.environment,
    ...(input.code ? { code: input.code } : {}),
    inputs,
    outputs: [...model.outputs],
    limits: {
      seconds: Math.min(input.job.limits?.timeout ?? site.limits.maxSeconds, site.limits.maxSeconds),
      ...memoryLimits(input, machine.size),
    },
    run: runOf(input, job, trial),
    model: { name: input.model.name, ...model.model, tags: input.model.tags },
    image: { repository: input.image.repository ?? defaultRepository(input.model.name) },
    release: site.release,
  };
  return { ...plan, recipe: recipeDigest(plan) };
}

/** What Azure ML’s record of the run says; a trial is told from the others by its number. */
export function runOf({ job: file, model }: TrainModelInput, job: JobId, trial?: Trial): TrainingPlan['run'] {
  const name = file.display_name ?? file.name ?? `${model.name}-${job.slice(0, 8)}`;
  return {
    experiment: file.experiment_name ?? model.name,
    displayName: trial ? `${name}-${trial.number}` : name,
    ...(file.description === undefined ? {} : { description: file.description }),
    tags: runTags(file),
  };
}

/** A literal as Python would print it; data as its path in the cage, or, with the mode `direct`, as its address there. */
function inputValues(job: CommandJob, planned: readonly PlannedInput[]): Record<string, string> {
  const values = literals(job.inputs);
  for (const { name, type, data } of planned) {
    const folder = `${CAGE.inputs}/${name}`;
    const path = type === 'uri_file' ? `${folder}/${basename(data.path)}` : folder;
    values[name] = isDirect(job, name) ? pathToFileURL(path).href : path;
  }
  return values;
}

function isDirect({ inputs }: CommandJob, name: string): boolean {
  const value = inputs?.[name];
  return typeof value === 'object' && value.mode === 'direct';
}

function outputValues({ outputs }: ModelChoice): Record<string, string> {
  return Object.fromEntries(outputs.map(({ name }) => [name, `${CAGE.outputs}/${name}`]));
}

function literals(values: Readonly<Record<string, unknown>> | undefined): Record<string, string> {
  const isLiteral = (value: unknown): value is string | number | boolean =>
    ['string', 'number', 'boolean'].includes(typeof value);
  return Object.fromEntries(
    Object.entries(values ?? {}).flatMap(([name, value]) =>
      isLiteral(value) ? [[name, literalText(value)] as const] : [],
    ),
  );
}

/** What the job file calls by names of the cloud, and what stands for it here is another; the tags say what was written. */
function runTags(job: CommandJob): Record<string, string> {
  const { name, compute, environment } = job;
  const written = { name, compute, environment: typeof environment === 'string' ? environment : environment.image };
  const tags = Object.entries(written).flatMap(([key, value]) =>
    value === undefined ? [] : [[`job-file.${key}`, value] as const],
  );
  return { ...literals(job.tags), ...Object.fromEntries(tags) };
}
