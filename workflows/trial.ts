import { upsertMemo, workflowInfo } from '@temporalio/workflow';
import { TrialRequest, type KeptTrial, type StoppedTrial } from '../domain/kept-trial.ts';
import { TRIAL_STEPS } from '../domain/run-status.ts';
import type { MetricWatch } from '../domain/trial-intervals.ts';
import { parse } from '../domain/validation.ts';
import { Compensation } from './compensation.ts';
import { Lease } from './lease.ts';
import { MetricsPublisher } from './metrics-publisher.ts';
import { RunRecord } from './run-record.ts';
import { Progress } from './status.ts';
import { SWEEP_NEWS } from './steps.ts';
import { EarlyStop, StoppedEarly } from './stopped-early.ts';
import { toTheEnd } from './to-the-end.ts';
import { together } from './together.ts';
import { planTraining, trainAsPlanned } from './train-on-site.ts';
import { validInput } from './valid-input.ts';
import { discardCancelled } from './withdrawal.ts';

/**
 * One trial of a sweep, its child: a run as any, but that its outputs are kept on site and nothing is released. Fails and is
 * cancelled as `trainModel` is; one that its sweep stops early ends well, as Azure ML's `Canceled`, and leaves what it logged.
 */
export async function trial(request: unknown): Promise<KeptTrial | StoppedTrial> {
  const valid = validInput(parse(TrialRequest, request ?? {}));
  const { site, model } = valid.input;
  const progress = new Progress(valid.input, TRIAL_STEPS);
  const undo = new Compensation();
  upsertMemo({ site, model: model.name });
  return toTheEnd(progress, undo, async () => {
    try {
      const kept = await trainAndKeep(valid, progress, undo);
      progress.succeed();
      return kept;
    } catch (error) {
      if (!(error instanceof StoppedEarly)) throw error;
      await undo.undo(error);
      progress.cancelled();
      return { stopped: error.message };
    }
  });
}

async function trainAndKeep(request: TrialRequest, progress: Progress, undo: Compensation): Promise<KeptTrial> {
  undo.register('remove what the run left on site', (reason) => discardCancelled(reason, undefined));
  const plan = await planTraining(request, progress);
  const recorded = new RunRecord(plan);
  const lease = new Lease(plan);
  const metrics = new MetricsPublisher(plan, progress, watchOf(request));
  const stop = new EarlyStop();
  const trained = await stop.unless(() => trainAsPlanned({ plan, lease, recorded, metrics, progress, undo }));
  const { machine, job, run, environment, inputs, completed, plan: done } = trained;
  const [inspection] = await together(
    () => job.inspectOutputs(),
    () => job.keepOutputs(),
    () => recorded.finish(run, completed, () => metrics.finish()),
  );
  await job.giveMachineBack();
  return { plan: done, machine, run, environment, inputs, completed: metrics.counted(completed), inspection };
}

/** Where the sweep has a policy: its numbers are what the sweep weighs. */
function watchOf({ input: { sweep }, trial: { number } }: TrialRequest): MetricWatch | undefined {
  const { parent } = workflowInfo();
  if (!sweep?.early_termination || !parent) return undefined;
  const { early_termination: policy, objective, limits } = sweep;
  const { workflowId, runId } = parent;
  const most = Math.max(16, Math.floor(SWEEP_NEWS / limits.max_total_trials));
  return { sweep: { workflowId, runId }, trial: number, objective, policy, most };
}
