import { z } from 'zod';
import { Metric } from './completed-job.ts';
import type { LoggedPoint } from './metric-journal.ts';
import { WatchedMetric } from './trial-intervals.ts';
import type { TrackingPolicy } from './tracking-policy.ts';
import { isNamed, rounded } from './tracking-policy.ts';

const Steps = z.record(z.string(), z.int());

/** How far a run's numbers have left. It travels in `publishMetrics`, so that no VM need remember it. */
export const MetricsCursor = z.strictObject({
  /** Which VM's record; another VM's begins anew. */
  journal: z.string(),
  offset: z.int().min(0),
  source: z.string(),
  /** The highest step of each metric that earlier sources have had: a script that starts again says those again. */
  before: Steps,
  /** The same of all sources. Its names are all that have left. */
  steps: Steps,
  /** Milliseconds since the epoch, of the newest point. */
  time: z.int().min(0),
});
export type MetricsCursor = z.infer<typeof MetricsCursor>;

export const NOTHING_PUBLISHED: MetricsCursor = { journal: '', offset: 0, source: '', before: {}, steps: {}, time: 0 };

/** What may leave next, in the order in which it was logged. */
export const MetricsBatch = z.strictObject({
  points: z.array(Metric),
  after: MetricsCursor,
  /** How many numbers the policy has kept on site, of those that were looked at. */
  withheld: z.int().min(0),
  /** The script has ended, and nothing is left to read. */
  ended: z.boolean(),
});
export type MetricsBatch = z.infer<typeof MetricsBatch>;

/** What `publishMetrics` ends with. */
export const PublishedMetrics = z.strictObject({
  points: z.int().min(0),
  names: z.array(z.string()),
  withheld: z.int().min(0),
  /** Whether Azure ML has all that was allowed. */
  complete: z.boolean(),
  /** From where it goes on, should the script start once more on another VM. */
  after: MetricsCursor.optional(),
  /** Of a trial that its sweep watches: how its primary metric stood. */
  watched: WatchedMetric.optional(),
});
export type PublishedMetrics = z.infer<typeof PublishedMetrics>;

/** The cursor at a point, as the first of its source or not. Undefined where an earlier source has had the step. */
export function follow(cursor: MetricsCursor, { name, step, source }: LoggedPoint): MetricsCursor | undefined {
  const at = source === cursor.source ? cursor : { ...cursor, source, before: { ...cursor.steps } };
  if (step <= (own(at.before, name) ?? -Infinity)) return undefined;
  const steps = Object.assign(Object.create(null) as Record<string, number>, at.steps);
  steps[name] = Math.max(step, own(at.steps, name) ?? step);
  return { ...at, steps };
}

/** Of all policies the tightest: the numbers' digits and how many, and whether a name is one that all of them let out. */
export function tightest(policies: readonly TrackingPolicy[]) {
  const least = (of: 'digits' | 'max' | 'points' | 'perMinute') =>
    Math.min(...policies.map(({ metrics }) => metrics[of]));
  return {
    digits: least('digits'),
    max: least('max'),
    points: least('points'),
    perMinute: least('perMinute'),
    names: (name: string): boolean => policies.every(({ metrics }) => isNamed(metrics.names, name)),
  };
}
export type StreamPolicy = ReturnType<typeof tightest>;

/** The number as it may leave, but for its time; undefined where it stays: no number, or no name that may leave. */
export function allowedPoint(
  { name, value, step }: LoggedPoint,
  policy: StreamPolicy,
  names: ReadonlySet<string>,
): Omit<Metric, 'timestamp'> | undefined {
  const finite = rounded(value, policy.digits);
  if (finite === null || !Number.isFinite(finite) || !policy.names(name)) return undefined;
  if (!names.has(name) && names.size >= policy.max) return undefined;
  return { name, value: finite, step };
}

/** How many points may have left by now, of a script that began at `since`; the rest waits. Both in milliseconds. */
export const allowance = ({ points, perMinute }: StreamPolicy, since: number, now: number): number =>
  Math.min(points, Math.floor(perMinute * (1 + Math.max(0, now - since) / 60_000)));

/** Times of the VM, one after the other: none is the script's, none is said twice, and none is ahead of the clock if it can be. */
export function timed(points: readonly Omit<Metric, 'timestamp'>[], after: number, now: number): Metric[] {
  let time = Math.max(after, now - points.length);
  return points.map((point) => ({ ...point, timestamp: ++time }));
}

const own = (record: Readonly<Record<string, number>>, name: string): number | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;
