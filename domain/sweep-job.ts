import { z } from 'zod';
import { CommandJob } from './command-job.ts';
import { refused } from './refusal.ts';
import { Sweep, SweepLimits } from './sweep.ts';

/**
 * An Azure Machine Learning CLI v2 sweep job, in that file's own words
 * (schema: https://azuremlschemas.azureedge.net/latest/sweepJob.schema.json): a command job once for each trial, and what
 * is tried.
 */

const { command, code, environment, environment_variables, resources, distribution, ...common } = CommandJob.shape;
const { limits: _, type: __, ...shared } = common;

const Trial = z.strictObject(
  {
    ...{ command, code, environment, environment_variables, resources, distribution },
    queue_settings: shared.queue_settings,
    type: z.literal('command').optional(),
  },
  { error: ({ input }) => (typeof input === 'string' ? `is refused: ${NO_COMPONENT}` : undefined) },
);
const NO_COMPONENT = 'a standalone sweep job has its trial in the file itself, as Azure ML’s own reader wants it';

export const SweepJob = z
  .strictObject({
    ...shared,
    type: z.literal('sweep'),
    trial: Trial,
    /** Of each trial, where the trial says nothing of its own. */
    resources,
    ...Sweep.shape,
    limits: z.strictObject({ ...SweepLimits.shape, trial_timeout: SweepLimits.shape.timeout }),
    parent_job_name: refused('a run on site has no parent'),
  })
  .superRefine(({ trial, resources }, context) => {
    if (trial.resources && resources)
      context.addIssue({ code: 'custom', path: ['resources'], message: 'is said in trial.resources too: say it once' });
  });
export type SweepJob = z.infer<typeof SweepJob>;

/** The command job of each trial, and what makes a sweep of it: two parts of `trainModel`'s input. */
export function splitSweep(file: SweepJob): { job: CommandJob; sweep: Sweep } {
  const { trial, type: _, search_space, sampling_algorithm, objective, early_termination, limits, ...rest } = file;
  const { type: __, resources = file.resources, ...command } = trial;
  const { trial_timeout: timeout, ...sweepLimits } = limits;
  const job = {
    ...withoutUndefined(rest),
    ...command,
    ...(resources === undefined ? {} : { resources }),
    ...(timeout === undefined ? {} : { limits: { timeout } }),
  };
  const sweep = { search_space, sampling_algorithm, objective, limits: sweepLimits };
  return { job, sweep: early_termination ? { ...sweep, early_termination } : sweep };
}

const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;

/** Where in a sweep file stands what a path of the trial's command job (`environment.conda_file`) speaks of. */
export function trialPath(path: string): string {
  if (/^(command|code|environment|environment_variables|distribution|resources)\b/.test(path)) return `trial.${path}`;
  return path.replace(/^limits\.timeout\b/, 'limits.trial_timeout');
}
