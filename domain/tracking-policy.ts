import { z } from 'zod';
import type { Metric } from './completed-job.ts';

const Names = z
  .array(
    z
      .string()
      .regex(/^[\w. :/-]{1,250}\*?$/, 'a name is 1 to 250 of letters, digits and _ . : / - and space; a * may end it'),
  )
  .max(1000);

/** What a script may tell Azure ML in numbers and words; read from `site.yml` and from the root-owned policy on the VM. */
export const TrackingPolicy = z.strictObject({
  metrics: z
    .strictObject({
      names: z
        .union([Names, z.literal('learned')])
        .optional()
        .describe(
          'Metrics that may leave, such as `val_loss` or `training_*`. `learned`: those that the first release of the same code, command, environment and data carried; until there is one, any. Absent: any.',
        ),
      digits: z.int().min(1).max(17).default(6).describe('Significant digits that a value keeps; 17 are all of them.'),
      max: z.int().min(0).max(1000).default(100).describe('How many may leave; 0 is none.'),
      points: z
        .int()
        .min(0)
        .max(1_000_000)
        .default(100_000)
        .describe(
          'How many numbers of them may leave while a script trains; 0 lets only the last values out, at its end.',
        ),
      perMinute: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(6000)
        .describe('How many of these a minute. What is more waits; what still waits when the script has ended stays.'),
    })
    .prefault({})
    .describe('The numbers that a script logs, while it trains. All of them are kept on site.'),
  parameters: z
    .strictObject({
      names: Names.optional().describe('Parameters that may leave. Absent: any.'),
      maxLength: z.int().min(1).max(500).default(250).describe('Characters that a value keeps.'),
      max: z.int().min(0).max(200).default(100).describe('How many may leave; 0 is none.'),
    })
    .prefault({})
    .describe('The parameters that a script logs. All of them are kept on site.'),
});
export type TrackingPolicy = z.infer<typeof TrackingPolicy>;

/** What a script logged: of its metrics the last values. */
export interface Tracked {
  readonly parameters: Readonly<Record<string, string>>;
  readonly metrics: readonly Metric[];
}

/** What of it may leave, and how much was withheld: a count, since the names are the script's. */
export interface TrackedRelease {
  readonly parameters: Record<string, string>;
  readonly metrics: Metric[];
  readonly withheld: number;
}

/**
 * What every policy lets out of what a script logged. Values are rounded and cut, the time is `timestamp` (ms since the
 * epoch) and not what the script says, and of too many the first stay.
 */
export function releaseTracked(
  logged: Tracked,
  policies: readonly TrackingPolicy[],
  timestamp: number,
): TrackedRelease {
  const told = policies.reduce(tightened, logged);
  return {
    parameters: { ...told.parameters },
    metrics: told.metrics.map((metric) => ({ ...metric, timestamp })),
    withheld: size(logged) - size(told),
  };
}

function tightened(logged: Tracked, { metrics, parameters }: TrackingPolicy): Tracked {
  const named = Object.entries(logged.parameters).filter(([name]) => isNamed(parameters.names, name));
  return {
    parameters: Object.fromEntries(
      named.slice(0, parameters.max).map(([name, value]) => [name, value.slice(0, parameters.maxLength)]),
    ),
    metrics: logged.metrics
      .filter(({ name }) => isNamed(metrics.names, name))
      .slice(0, metrics.max)
      .map((metric) => ({ ...metric, value: rounded(metric.value, metrics.digits) })),
  };
}

const size = ({ metrics, parameters }: Tracked): number => metrics.length + Object.keys(parameters).length;

/** With what was learned of a recipe, if anything was: names, and no beginnings of names. */
export function withLearned(policy: TrackingPolicy, learned: readonly string[] | undefined): TrackingPolicy {
  const { names, ...metrics } = policy.metrics;
  if (names !== 'learned') return policy;
  return {
    ...policy,
    metrics: { ...metrics, ...(learned ? { names: learned.filter((name) => !name.endsWith('*')) } : {}) },
  };
}

/** Whether one of the names is this one, or the beginning of it; where none are given, or none are learned yet, any is. */
export function isNamed(names: readonly string[] | 'learned' | undefined, name: string): boolean {
  if (!names || names === 'learned') return true;
  return names.some((wanted) => (wanted.endsWith('*') ? name.startsWith(wanted.slice(0, -1)) : name === wanted));
}

export const rounded = (value: number | null, digits: number): number | null =>
  value === null ? null : Number(value.toPrecision(digits));
