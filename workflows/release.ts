import { needsApproval, type Release } from '../domain/release.ts';
import type { Envelope } from '../domain/statement.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import type { Compensation } from './compensation.ts';
import { JobOnMachine } from './job-on-machine.ts';
import { describeMachine, type Lease } from './lease.ts';
import type { ReleaseGate } from './release-gate.ts';
import type { Progress } from './status.ts';
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
  await job.giveMachineBack();
  const approval = await gate.approval(inspection, progress);
  const machine = await progress.step('lease', () => lease.takeAgain(), describeMachine);
  const again = new JobOnMachine(plan, machine, lease, progress);
  undo.register('remove the job’s folders', () => again.undoStage());
  await again.restoreOutputs(inspection);
  leaving();
  return { release: await again.release(inspection, approval), approval, job: again };
}
