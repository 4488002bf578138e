import { z } from 'zod';
import { applies, EarlyTermination } from './early-termination.ts';
import { Objective } from './sweep.ts';

/** How a trial stood when it had logged so many values of the primary metric: the best of them, and their mean. */
export const Interval = z.strictObject({ logged: z.int().min(1), best: z.number(), mean: z.number() });
export type Interval = z.infer<typeof Interval>;

/** What a sweep hears of a trial while that trains: how it stood when its policy looks. */
export const TrialIntervals = z.strictObject({
  trial: z.int().min(1),
  intervals: z.array(Interval).max(1000),
  /** Its script has ended. */
  ended: z.boolean(),
});
export type TrialIntervals = z.infer<typeof TrialIntervals>;

/** Of a trial: who is to hear how it does, and what counts. */
export const MetricWatch = z.strictObject({
  sweep: z.strictObject({ workflowId: z.string(), runId: z.string() }),
  trial: z.int().min(1),
  objective: Objective,
  policy: EarlyTermination,
  /** About how often the sweep may be told: what is more is told together, since its history is to stay small. */
  most: z.int().min(1),
});
export type MetricWatch = z.infer<typeof MetricWatch>;

/** What a trial has logged of the primary metric, and what of it the sweep has not heard. */
export const WatchedMetric = z.strictObject({
  logged: z.int().min(0),
  best: z.number(),
  sum: z.number(),
  waiting: z.array(Interval),
  /** How often it was told, and up to which interval. */
  told: z.int().min(0),
  toldAt: z.int().min(0),
});
export type WatchedMetric = z.infer<typeof WatchedMetric>;

export const NOTHING_WATCHED: WatchedMetric = { logged: 0, best: 0, sum: 0, waiting: [], told: 0, toldAt: 0 };

/** More of them at once say less than the room in a history is worth. */
const MOST_AT_ONCE = 64;

/** With one more value; one with which the sum is no number any more is left out. */
export function watched(state: WatchedMetric, { policy, objective }: MetricWatch, value: number): WatchedMetric {
  const logged = state.logged + 1;
  const better = objective.goal === 'maximize' ? Math.max : Math.min;
  const best = state.logged === 0 ? value : better(state.best, value);
  const sum = state.sum + value;
  if (!Number.isFinite(sum)) return state;
  const waiting = applies(policy, logged)
    ? thinned([...state.waiting, { logged, best, mean: sum / logged }])
    : state.waiting;
  return { ...state, logged, best, sum, waiting };
}

/** What the sweep is to be told now: the more rarely the oftener it was. When the script has ended all, with how it ended. */
export function due(state: WatchedMetric, { most, policy }: MetricWatch, ended: boolean): Interval[] {
  const { waiting, logged, best, sum, told, toldAt } = state;
  const last = { logged, best, mean: sum / logged };
  if (ended) return (waiting.at(-1)?.logged ?? toldAt) === logged ? waiting : [...waiting, last];
  const gap = (policy.evaluation_interval || 1) * 2 ** Math.floor((told * 16) / most);
  return (waiting.at(-1)?.logged ?? 0) - toldAt >= gap ? waiting : [];
}

/** The sweep has been told what was due. */
export const heard = (state: WatchedMetric): WatchedMetric => ({
  ...state,
  ...{ waiting: [], told: state.told + 1, toldAt: state.waiting.at(-1)?.logged ?? state.toldAt },
});

/** Every second goes, and the newest stays. */
const thinned = (intervals: Interval[]): Interval[] =>
  intervals.length <= MOST_AT_ONCE ? intervals : intervals.filter((_, i) => (intervals.length - i) % 2 === 1);
