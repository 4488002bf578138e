import type { KeptTrial } from '../domain/kept-trial.ts';
import { needsApproval, type Inspection, type Release } from '../domain/release.ts';
import type { Envelope } from '../domain/statement.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import type { Compensation } from './compensation.ts';
import { JobOnMachine } from './job-on-machine.ts';
import { describeMachine, type Lease } from './lease.ts';
import type { ReleaseGate } from './release-gate.ts';
import type { Progress } from './status.ts';
import { siteSteps } from './steps.ts';
import { together } from './together.ts';

export interface Released {
  readonly release: Release;
  readonly approval?: Envelope;
  /** On the VM that is held now. */
  readonly job: JobOnMachine;
}

/**
 * What is not released is kept on site while the model leaves. `finish` ends the run's record, whatever leaves;
 * `leaving` is called before anything does.
 */
export async function releaseAtOnce(
  job: JobOnMachine,
  finish: () => Promise<void>,
  leaving: () => void,
): Promise<Released> {
  const [release] = await together(
    async () => {
      const inspection = await job.inspectOutputs();
      leaving();
      return job.release(inspection);
    },
    () => job.keepOutputs(),
    finish,
  );
  return { release, job };
}

/** The VM is given back while the run waits, if anybody must be asked: what was inspected is kept on site first, and brought back afterwards. */
export async function releaseWhenApproved(request: {
  plan: TrainingPlan;
  job: JobOnMachine;
  gate: ReleaseGate;
  lease: Lease;
  progress: Progress;
  undo: Compensation;
  finish: () => Promise<void>;
  leaving: () => void;
}): Promise<Released> {
  const { plan, job, gate, lease, progress, undo, finish, leaving } = request;
  const [inspection] = await together(
    () => job.inspectOutputs(),
    () => job.keepOutputs(),
    finish,
  );
  if (!needsApproval(plan.release, inspection)) {
    leaving();
    return { release: await job.release(inspection), job };
  }
  const earlier = await standingApproval(plan, inspection);
  if (earlier) {
    leaving();
    return { release: await job.release(inspection, earlier), approval: earlier, job };
  }
  await job.giveMachineBack();
  const approval = await gate.approval(plan, inspection, progress);
  const again = await jobAgain({ plan, lease, progress, undo });
  await again.restoreOutputs(inspection);
  leaving();
  return { release: await again.release(inspection, approval), approval, job: again };
}

/** Where the site asks for the first release of a recipe only. */
async function standingApproval(plan: TrainingPlan, inspection: Inspection): Promise<Envelope | undefined> {
  if (plan.release.approval?.when !== 'first') return undefined;
  return (await siteSteps().standingApproval({ plan, inspection })) ?? undefined;
}

/**
 * A kept trial's model, on a VM that was another's meanwhile. Where no approver signs, a VM lets out only what it has itself
 * inspected, beside the job's inputs: so they are staged again.
 */
export async function releaseKept(request: {
  kept: KeptTrial;
  gate: ReleaseGate | undefined;
  lease: Lease;
  progress: Progress;
  undo: Compensation;
  leaving: () => void;
}): Promise<Released> {
  const { kept, gate, lease, progress, undo, leaving } = request;
  const { plan, inspection } = kept;
  const approval =
    gate && needsApproval(plan.release, inspection) ? await gate.approval(plan, inspection, progress) : undefined;
  const job = await jobAgain({ plan, lease, progress, undo });
  if (approval) {
    await job.restoreOutputs(inspection);
    leaving();
    return { release: await job.release(inspection, approval), approval, job };
  }
  await together(
    () => job.prepareEnvironment(),
    () => job.grantData(),
  );
  await job.stageInputs();
  await job.restoreOutputs(inspection);
  const inspected = await job.inspectOutputs();
  leaving();
  return { release: await job.release(inspected), job };
}

async function jobAgain(request: {
  plan: TrainingPlan;
  lease: Lease;
  progress: Progress;
  undo: Compensation;
}): Promise<JobOnMachine> {
  const { plan, lease, progress, undo } = request;
  const machine = await progress.step('lease', () => lease.takeAgain(), describeMachine);
  const job = new JobOnMachine(plan, machine, lease, progress);
  undo.register('remove the job’s folders', () => job.undoStage());
  return job;
}
