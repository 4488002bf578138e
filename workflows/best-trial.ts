import type { Failure, FailureClass } from '../domain/failure.ts';
import type { KeptTrial } from '../domain/kept-trial.ts';
import type { Objective } from '../domain/sweep.ts';
import type { TrialStatus } from '../domain/trial-status.ts';
import { failWith } from './failure.ts';

/** A trial that has ended, one way or the other. */
export type EndedTrial =
  | { readonly status: TrialStatus; readonly kept: KeptTrial; readonly value: number }
  | { readonly status: TrialStatus; readonly failure: Failure };

export type GoodTrial = Extract<EndedTrial, { kept: KeptTrial }>;

/** By the objective; of equals the first. @throws ApplicationFailure `NoTrialSucceeded` */
export function bestTrial(objective: Objective, ended: readonly EndedTrial[], planned: number): GoodTrial {
  const good = ended.filter((trial) => 'kept' in trial).sort((a, b) => a.status.number - b.status.number);
  const [first, ...others] = good;
  if (!first) throw failWith(noneSucceeded(ended, planned));
  const sign = objective.goal === 'maximize' ? 1 : -1;
  return others.reduce((best, trial) => (sign * trial.value > sign * best.value ? trial : best), first);
}

/** The last value of the primary metric, if it is a number. */
export function metricOf({ primary_metric: wanted }: Objective, { completed }: KeptTrial): number | Failure {
  const value = completed.metrics.find(({ name }) => name === wanted)?.value;
  if (typeof value === 'number') return value;
  const names = completed.metrics.map(({ name }) => name).sort();
  return {
    class: 'script',
    type: 'MetricMissing',
    cause: names.includes(wanted)
      ? `the metric ${wanted} is not a number`
      : `the script logged no metric ${wanted}; it logged ${names.join(', ') || 'none'}`,
    nextStep:
      'Log it with mlflow.log_metric, or name another as objective.primary_metric. What release.tracking of site.yml keeps on site cannot be compared.',
  };
}

/** Of one class where all failed alike, else the script's. */
function noneSucceeded(ended: readonly EndedTrial[], planned: number): Failure {
  const failures = ended.flatMap((trial) => ('failure' in trial ? [trial] : []));
  const classes = new Set<FailureClass>(failures.map(({ failure }) => failure.class));
  const [only] = classes;
  const told = failures
    .slice(0, 5)
    .map(({ status, failure }) => `trial ${status.number}: ${failure.type}, ${failure.cause}`);
  const never = planned - ended.length;
  return {
    class: classes.size === 1 && only ? only : 'script',
    type: 'NoTrialSucceeded',
    cause: [
      `none of the sweep’s ${planned} trials succeeded`,
      ...told,
      ...(failures.length > told.length ? [`and ${failures.length - told.length} more`] : []),
      ...(never > 0 ? [`${never} never began`] : []),
    ].join('; '),
    nextStep: 'Read a trial’s log with `edge-train logs RUN-trial-1`, and correct what they have in common.',
  };
}
