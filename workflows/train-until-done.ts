import { log } from '@temporalio/workflow';
import type { CompletedJob, PreparedEnvironment, StagedInputs } from '../domain/completed-job.ts';
import type { RecordedRun } from '../domain/model-version.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import type { VirtualMachine } from '../domain/virtual-machine.ts';
import type { Compensation } from './compensation.ts';
import { toFailure } from './failure.ts';
import { JobOnMachine } from './job-on-machine.ts';
import { describeMachine, type Lease } from './lease.ts';
import type { MetricsPublisher } from './metrics-publisher.ts';
import type { Progress } from './status.ts';
import { MACHINE_LOSSES } from './steps.ts';
import { together } from './together.ts';

interface Request {
  readonly plan: TrainingPlan;
  readonly lease: Lease;
  readonly progress: Progress;
  readonly undo: Compensation;
  readonly metrics: MetricsPublisher;
  /** Records the run in Azure ML, once. */
  readonly record: (machine: VirtualMachine) => Promise<RecordedRun>;
}

export interface Trained {
  readonly machine: VirtualMachine;
  readonly job: JobOnMachine;
  readonly run: RecordedRun;
  readonly environment: PreparedEnvironment;
  readonly inputs: StagedInputs;
  readonly completed: CompletedJob;
}

/**
 * From the lease to the script's end, on as many VMs as that takes: one that is lost is made anew, and the script goes on
 * from its last complete checkpoint. Where the plan says `onLoss: fail`, the first loss ends the run.
 */
export async function trainUntilDone(request: Request): Promise<Trained> {
  const { plan, lease, progress } = request;
  for (let lost = 0; ; lost++) {
    const take = lost === 0 ? () => lease.take() : () => lease.takeAgain();
    const machine = await progress.step('lease', take, describeMachine);
    const job = new JobOnMachine(plan, machine, lease, progress);
    try {
      const trained = await trainOn(machine, job, request);
      const { completed } = trained;
      return { machine, job, ...trained, completed: { ...completed, starts: completed.starts + lost } };
    } catch (error) {
      const isLoss = toFailure(error).type === 'MachineGone';
      if (!isLoss || plan.virtualMachine.onLoss === 'fail' || lost >= MACHINE_LOSSES) throw error;
      log.warn('the VM was lost under the run, which goes on with another', { virtualMachine: machine.name });
      job.lose();
      await lease.giveBack();
    }
  }
}

async function trainOn(
  machine: VirtualMachine,
  job: JobOnMachine,
  { undo, metrics, record }: Request,
): Promise<Omit<Trained, 'machine' | 'job'>> {
  const [run, environment] = await together(
    () => record(machine),
    () => job.prepareEnvironment(),
    () => job.grantData(),
  );

  undo.register('remove the job’s folders', () => job.undoStage());
  const inputs = await job.stageInputs();

  undo.register('keep the outputs on site', (reason) => job.undoTrain(reason));
  undo.register('publish what was logged', (reason) => metrics.undo(reason));
  await metrics.follow(run, machine.queue);
  const completed = await job.train(environment);
  return { run, environment, inputs, completed };
}
