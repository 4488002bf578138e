import { isCancellation, workflowInfo } from '@temporalio/workflow';
import { count } from '../domain/amount-text.ts';
import type { SweepPlan } from '../domain/sweep.ts';
import type { TrainModelInput } from '../domain/train-model-input.ts';
import type { TrainModelResult } from '../domain/train-model-result.ts';
import { bestTrial } from './best-trial.ts';
import type { Compensation } from './compensation.ts';
import { Lease } from './lease.ts';
import { publishReleased } from './publish.ts';
import { releaseKept } from './release.ts';
import { ReleaseGate } from './release-gate.ts';
import type { Progress } from './status.ts';
import { siteSteps, UNDO_PATIENCE } from './steps.ts';
import { SweepRecord } from './sweep-record.ts';
import { Trials } from './trials.ts';
import { withdrawRelease } from './withdrawal.ts';

/** A run for each trial, and then the best one's model the way that any model leaves. The others' outputs stay on site. */
export async function sweepOnSite(
  input: TrainModelInput,
  progress: Progress,
  undo: Compensation,
): Promise<TrainModelResult> {
  const { sweep } = input;
  if (!sweep) throw new TypeError('no sweep');
  const plan = await planSweep(input, progress);
  const record = new SweepRecord(plan);
  undo.register('end the sweep in Azure ML', (reason) => record.undo(reason));
  const parent = await progress.step(
    'record',
    () => record.begin(),
    ({ runId }) => `MLflow run ${runId}`,
  );

  const trials = new Trials({ input, sweep, plan, parentRun: parent.runId, progress });
  undo.register('remove what the trials left on site', (reason) => discardTrials(reason, trials, record));
  const best = await progress.step(
    'trials',
    async () => bestTrial(sweep.objective, await trials.run(), plan.trials.length),
    ({ status: { number, value } }) =>
      `${trials.tally()}; the best is trial ${number}: ${sweep.objective.primary_metric} ${value}`,
  );

  const { kept } = best;
  progress.planned(kept.plan);
  await record.finish(parent, kept);
  const gate = kept.plan.release.approval ? new ReleaseGate() : undefined;
  const lease = new Lease(kept.plan);
  undo.register('give the VM back', (reason) => lease.giveBackAfter(reason));
  const leaving = () =>
    undo.register('take back what was released', () => withdrawRelease(lease.holder, input.model.name, record));
  const released = await releaseKept({ kept, gate, lease, progress, undo, leaving });
  const result = await publishReleased(kept, released, { lease, record, progress });
  const { objective } = sweep;
  return {
    ...result,
    sweep: { run: parent, objective, best: best.status.number, trials: trials.statuses },
  };
}

async function planSweep(input: TrainModelInput, progress: Progress): Promise<SweepPlan> {
  const { workflowId, originalExecutionRunId } = workflowInfo();
  return progress.step(
    'plan',
    () => siteSteps().planSweep({ input, workflowId, originalExecutionRunId }),
    ({ trials, points, concurrent }) =>
      `${count(trials.length, 'trial')}${points === undefined ? '' : ` of the grid’s ${points} points`}${concurrent > 1 ? `, ${concurrent} at once` : ''}`,
  );
}

/** As a run does that nobody wants: each trial leaves its log. A trial that was itself cancelled has done so. */
async function discardTrials(reason: unknown, trials: Trials, { isRegistered }: SweepRecord): Promise<void> {
  if (!isCancellation(reason) || isRegistered) return;
  for (const run of trials.begun) await siteSteps(UNDO_PATIENCE).discardRun(run);
}
