import { workflowInfo } from '@temporalio/workflow';
import type { Trial } from '../domain/sweep.ts';
import type { TrainModelInput } from '../domain/train-model-input.ts';
import type { TrainModelResult } from '../domain/train-model-result.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import type { VirtualMachine } from '../domain/virtual-machine.ts';
import type { Compensation } from './compensation.ts';
import { Lease } from './lease.ts';
import { MetricsPublisher } from './metrics-publisher.ts';
import { publishReleased } from './publish.ts';
import { releaseAtOnce, releaseWhenApproved } from './release.ts';
import { ReleaseGate } from './release-gate.ts';
import { RunRecord } from './run-record.ts';
import type { Progress } from './status.ts';
import { siteSteps } from './steps.ts';
import { trainUntilDone, type Trained } from './train-until-done.ts';
import { discardCancelled, withdrawRelease } from './withdrawal.ts';

/** The whole way of the data: a line an arrow, and its undo registered before it. */
export async function trainOnSite(
  input: TrainModelInput,
  progress: Progress,
  undo: Compensation,
): Promise<TrainModelResult> {
  const kept: { record?: RunRecord } = {};
  undo.register('remove what the run left on site', (reason) => discardCancelled(reason, kept.record));
  const plan = await planTraining({ input }, progress);
  const gate = plan.release.approval ? new ReleaseGate() : undefined;
  const recorded = (kept.record = new RunRecord(plan));
  const lease = new Lease(plan);
  const metrics = new MetricsPublisher(plan, progress);
  const trained = await trainAsPlanned({ plan, lease, recorded, metrics, progress, undo });

  const { job, run, completed, plan: done } = trained;
  const finish = () => recorded.finish(run, completed, () => metrics.finish());
  const leaving = () =>
    undo.register('take back what was released', () => withdrawRelease(lease.holder, plan.model.name, recorded));
  const released = gate
    ? await releaseWhenApproved({ plan: done, job, gate, lease, progress, undo, finish, leaving })
    : await releaseAtOnce(job, finish, leaving);

  const counted = { ...trained, completed: metrics.counted(completed) };
  return publishReleased(counted, released, { lease, record: recorded, progress });
}

/** From the lease to the script's end, with a record of it in Azure ML. */
export async function trainAsPlanned(request: {
  plan: TrainingPlan;
  lease: Lease;
  recorded: RunRecord;
  metrics: MetricsPublisher;
  progress: Progress;
  undo: Compensation;
}): Promise<Trained> {
  const { plan, lease, recorded, metrics, progress, undo } = request;
  undo.register('give the VM back', (reason) => lease.giveBackAfter(reason));
  undo.register('end the run in Azure ML', (reason) => recorded.undo(reason));
  const record = (machine: VirtualMachine) =>
    progress.step(
      'record',
      () => recorded.begin(machine),
      ({ runId }) => `MLflow run ${runId}`,
    );
  return trainUntilDone({ plan, lease, metrics, progress, undo, record });
}

/** `trial`: which of its sweep's. */
export async function planTraining(
  request: { readonly input: TrainModelInput; readonly trial?: Trial },
  progress: Progress,
): Promise<TrainingPlan> {
  const { workflowId, originalExecutionRunId } = workflowInfo();
  const plan = await progress.step(
    'plan',
    () => siteSteps().planTraining({ ...request, workflowId, originalExecutionRunId }),
    ({ job, virtualMachine: { name, size } }) => `job ${job} on ${name} (${size.name})`,
  );
  progress.planned(plan);
  return plan;
}
