import { z } from 'zod';
import { EarlyTermination } from './early-termination.ts';
import { oneOf, refused } from './refusal.ts';
import { Identifier, JobId, SiteName } from './resource-names.ts';
import { SearchSpace } from './search-space.ts';
import { SOBOL_DIMENSIONS } from './sobol.ts';

/** What makes a command job a sweep, in the words of Azure ML's sweep job. */

const REFUSED_TYPES: Readonly<Record<string, string>> = {
  bayesian: 'Azure ML’s own service weighs the trials; use random, with rule sobol where the space is large',
  sobol: 'in Azure ML it is a rule of random: {type: random, rule: sobol}',
};
const SamplingType = oneOf(['grid', 'random'], REFUSED_TYPES);

export const SamplingAlgorithm = z.union(
  [
    SamplingType,
    z.strictObject({
      type: SamplingType,
      seed: z.int().optional(),
      rule: z.enum(['random', 'sobol']).optional(),
      logbase: refused('loguniform and qloguniform have the base e here'),
    }),
  ],
  {
    error: ({ input }) =>
      typeof input === 'string' && Object.hasOwn(REFUSED_TYPES, input)
        ? `is refused: ${REFUSED_TYPES[input]}`
        : 'must be grid, random, or an object with that type',
  },
);

export const Objective = z.strictObject({
  goal: z.enum(['maximize', 'minimize']),
  /** A metric that the script logs in MLflow; its last value counts. */
  primary_metric: z.string().min(1).max(250),
});
export type Objective = z.infer<typeof Objective>;

const seconds = z.int().min(1).max(31_536_000);

export const SweepLimits = z.strictObject({
  max_total_trials: z.int().min(1).max(1000),
  /** How many trials run at once at most, each on a VM of its own. Absent: one. */
  max_concurrent_trials: z.int().min(1).max(1000).optional(),
  /** When it is over no trial begins any more, those that run are cancelled, and the best of the others is released. */
  timeout: seconds.optional(),
});

export const Sweep = z
  .strictObject({
    search_space: SearchSpace,
    sampling_algorithm: SamplingAlgorithm,
    objective: Objective,
    limits: SweepLimits,
    /** Absent: each trial trains to its end. */
    early_termination: EarlyTermination.optional(),
  })
  .superRefine(({ search_space, sampling_algorithm }, context) => {
    const { type, rule, seed } = samplingOf(sampling_algorithm);
    const fault = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (type === 'grid') {
      for (const [name, expression] of Object.entries(search_space))
        if (expression.type !== 'choice')
          fault(['search_space', name, 'type'], 'must be choice: a grid has every value of every parameter');
      if (rule !== undefined) fault(['sampling_algorithm', 'rule'], 'is for random: a grid has no chance in it');
      if (seed !== undefined) fault(['sampling_algorithm', 'seed'], 'is for random: a grid has no chance in it');
    }
    if (rule === 'sobol' && Object.keys(search_space).length > SOBOL_DIMENSIONS)
      fault(['search_space'], `has more than ${SOBOL_DIMENSIONS} parameters, which is what rule sobol has numbers for`);
  });
export type Sweep = z.infer<typeof Sweep>;

export interface Sampling {
  readonly type: 'grid' | 'random';
  readonly rule?: 'random' | 'sobol' | undefined;
  readonly seed?: number | undefined;
}

export const samplingOf = (given: Sweep['sampling_algorithm']): Sampling =>
  typeof given === 'string' ? { type: given } : given;

/** A point of the search space, each value as the script is given it. */
export const TrialParameters = z.record(Identifier, z.string());
export type TrialParameters = z.infer<typeof TrialParameters>;

export const PlannedTrial = z.strictObject({ number: z.int().min(1), parameters: TrialParameters });
export type PlannedTrial = z.infer<typeof PlannedTrial>;

/** One trial as a run is planned from it. */
export const Trial = z.strictObject({
  ...PlannedTrial.shape,
  /** Which of the sweep's VMs: 1 is the one that a run without a sweep would have. */
  slot: z.int().min(1),
  /** The sweep's run in Azure ML, whose child the trial's run is. */
  parentRun: z.string(),
});
export type Trial = z.infer<typeof Trial>;

/** What a sweep will try: frozen before anything is spent, made at the site from the input. */
export const SweepPlan = z.strictObject({
  job: JobId,
  site: SiteName,
  workflowId: z.string(),
  trials: z.array(PlannedTrial).min(1),
  /** How many points there are where the space is finite and not all of them are tried. */
  points: z.int().optional(),
  concurrent: z.int().min(1),
  run: z.strictObject({
    experiment: z.string(),
    displayName: z.string(),
    description: z.string().optional(),
    tags: z.record(z.string(), z.string()),
  }),
});
export type SweepPlan = z.infer<typeof SweepPlan>;
