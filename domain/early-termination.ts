import { z } from 'zod';
import { oneOf } from './refusal.ts';
import type { Interval } from './trial-intervals.ts';
import type { Objective } from './sweep.ts';

/**
 * When a sweep stops a trial that does badly, as Azure ML documents it
 * (https://learn.microsoft.com/azure/machine-learning/how-to-tune-hyperparameters#early-termination). Intervals are counted in
 * values of the primary metric: each that a trial logs is one.
 */

const intervals = {
  /** 0, which is Azure's SDK's default, is 1 there too. */
  evaluation_interval: z.int().min(0).max(1_000_000).optional(),
  delay_evaluation: z.int().min(0).max(1_000_000).optional(),
};
const PolicyType = oneOf(['bandit', 'median_stopping', 'truncation_selection'], {
  none: 'leave early_termination out: then no trial is stopped',
});
const slack = z.number().min(0).optional();

const Bandit = z
  .strictObject({ type: z.literal('bandit'), slack_factor: slack, slack_amount: slack, ...intervals })
  .superRefine(({ slack_factor, slack_amount }, context) => {
    // Azure's SDK writes the one that is not meant as 0.
    const fault = slack_factor
      ? slack_amount && 'is said beside slack_amount: say one of them'
      : !slack_amount && 'or slack_amount is required, and greater than 0';
    if (fault) context.addIssue({ code: 'custom', path: ['slack_factor'], message: fault });
  });

export const EarlyTermination = z.discriminatedUnion(
  'type',
  [
    Bandit,
    z.strictObject({ type: z.literal('median_stopping'), ...intervals }),
    z.strictObject({
      type: z.literal('truncation_selection'),
      truncation_percentage: z.int().min(1).max(99),
      /** Compares with trials that run, and no others. */
      exclude_finished_jobs: z.boolean().optional(),
      ...intervals,
    }),
  ],
  { error: ({ input }) => PolicyType.safeParse((input as { type?: unknown })?.type).error?.issues[0]?.message },
);
export type EarlyTermination = z.infer<typeof EarlyTermination>;

/** Whether the policy looks at a trial when it has logged so many values. */
export function applies(policy: EarlyTermination, logged: number): boolean {
  return logged % (policy.evaluation_interval || 1) === 0 && logged >= (policy.delay_evaluation ?? 0);
}

/** What a trial had logged when the policy looked, in order. */
export interface TrialRecord {
  readonly intervals: readonly Interval[];
  /** It logs no more. */
  readonly ended: boolean;
}

/**
 * Why a trial is stopped that stands so, in a line; undefined: it goes on. `others` are compared by what they had when they had
 * logged as many values, whatever they have logged since; those that are younger count for what they have in a bandit's best
 * only, until they have ended.
 */
export function reasonToStop(
  policy: EarlyTermination,
  { goal, primary_metric: metric }: Objective,
  own: Interval,
  others: readonly TrialRecord[],
): string | undefined {
  const better = (a: number, b: number): boolean => (goal === 'maximize' ? a > b : a < b);
  const told = (limit: string) => `${metric} ${own.best} at interval ${own.logged}: ${limit} (${policy.type})`;
  const at = own.logged;
  const seen = (records: readonly TrialRecord[]) => records.flatMap(({ intervals }) => standing(intervals, at) ?? []);
  const asOld = others.filter(({ intervals, ended }) => ended || (intervals.at(-1)?.logged ?? 0) >= at);
  switch (policy.type) {
    case 'bandit': {
      const best = [own, ...seen(others)].map((each) => each.best).reduce((a, b) => (better(b, a) ? b : a));
      const limit = slackened(policy, goal, best);
      return better(limit, own.best) ? told(`the best is ${best}, and ${limit} would have done`) : undefined;
    }
    case 'median_stopping': {
      const limit = median([own, ...seen(asOld)].map(({ mean }) => mean));
      return better(limit, own.best) ? told(`the median of the averages is ${limit}`) : undefined;
    }
    case 'truncation_selection': {
      const compared = [own, ...seen(policy.exclude_finished_jobs ? asOld.filter(({ ended }) => !ended) : asOld)];
      const notBetter = compared.filter(({ best }) => !better(best, own.best)).length;
      const isLow = notBetter * 100 <= compared.length * policy.truncation_percentage;
      return isLow ? told(`among the last ${policy.truncation_percentage} % of ${compared.length}`) : undefined;
    }
  }
}

/** The newest of what was told of it that is no younger than that. */
const standing = (intervals: readonly Interval[], at: number): Interval | undefined =>
  intervals.findLast(({ logged }) => logged <= at);

/** Azure's `best / (1 + slack_factor)` is for what is greater than 0; below it, as in minimizing, the slack lies on the worse side too. */
function slackened(
  { slack_factor: factor, slack_amount: amount }: Extract<EarlyTermination, { type: 'bandit' }>,
  goal: Objective['goal'],
  best: number,
): number {
  const sign = goal === 'maximize' ? -1 : 1;
  if (!factor) return best + sign * (amount ?? 0);
  return sign * best < 0 ? best / (1 + factor) : best * (1 + factor);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low = NaN, high = NaN] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return (low + high) / 2;
}
