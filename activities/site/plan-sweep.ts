import { jobId } from '../../domain/resource-names.ts';
import { gridSize, samplePoints } from '../../domain/sampling.ts';
import { trackingPolicy } from '../../domain/release.ts';
import { samplingOf, type Sweep, type SweepPlan } from '../../domain/sweep.ts';
import { isNamed, type TrackingPolicy } from '../../domain/tracking-policy.ts';
import type { TrainModelInput } from '../../domain/train-model-input.ts';
import { invalidInput } from '../../services/errors.ts';
import { sha256 } from '../../services/signing.ts';
import type { Step } from './dependencies.ts';
import { runOf } from './plan/compose.ts';
import { checkedInput, choose } from './plan-training.ts';
import type { SiteSession } from './site-session.ts';

/** More VMs at once are no sweep's need; the Stack Hub's quota may allow fewer. */
const MOST_AT_ONCE = 16;

/**
 * What a sweep will try, after everything that its first trial would be refused for. Changes nothing; the same job has the
 * same points. @throws ServiceError `InvalidInput` (class `data` where only data is missing), `QuotaExceeded`
 */
export async function planSweep(
  session: SiteSession,
  step: Step,
  request: { input: TrainModelInput; workflowId: string; originalExecutionRunId: string },
): Promise<SweepPlan> {
  const input = checkedInput(session, request.input);
  const { sweep } = input;
  if (!sweep) throw invalidInput([{ path: 'sweep', rule: 'is required: this is no sweep' }]);
  requireNews(sweep, trackingPolicy(session.site.release));
  const { workflowId, originalExecutionRunId } = request;
  const job = jobId(sha256, workflowId, originalExecutionRunId);
  const { machine } = await choose(session, step, input);
  const points = samplePoints(sweep, Number.parseInt(job.slice(0, 13), 16));
  return {
    ...{ job, site: session.site.name, workflowId },
    trials: points.map((parameters, index) => ({ number: index + 1, parameters })),
    ...untried(sweep, points.length),
    concurrent: machine.host ? 1 : Math.min(sweep.limits.max_concurrent_trials ?? 1, points.length, MOST_AT_ONCE),
    run: runOf(input, job),
  };
}

function untried({ sampling_algorithm, search_space }: Sweep, tried: number): Pick<SweepPlan, 'points'> {
  if (samplingOf(sampling_algorithm).type !== 'grid') return {};
  const points = gridSize(search_space);
  return points > tried ? { points } : {};
}

/** A policy that hears nothing would stop nothing, without a word. */
function requireNews({ early_termination, objective }: Sweep, { metrics }: TrackingPolicy): void {
  const { primary_metric: name } = objective;
  if (!early_termination || (metrics.points > 0 && metrics.max > 0 && isNamed(metrics.names, name))) return;
  const rule = `cannot be: the site lets no value of ${name} out while a script trains (release.tracking.metrics in site.yml)`;
  throw invalidInput([{ path: 'sweep.early_termination', rule }]);
}
