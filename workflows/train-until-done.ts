import { isCancellation, log } from '@temporalio/workflow';
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
import { MACHINE_LOSSES, siteSteps, UNDO_PATIENCE } from './steps.ts';
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
  /** With the VM that it ended on. */
  readonly plan: TrainingPlan;
  readonly machine: VirtualMachine;
  readonly job: JobOnMachine;
  readonly run: RecordedRun;
  readonly environment: PreparedEnvironment;
  readonly inputs: StagedInputs;
  readonly completed: CompletedJob;
}

/**
 * From the lease to the script's end, on as many VMs as that takes: one that is lost is made anew, one that is too small
 * gives way to the next larger where the plan says so, and the script goes on from its last complete checkpoint. Where the
 * plan says `onLoss: fail`, the first loss ends the run.
 */
export async function trainUntilDone(request: Request): Promise<Trained> {
  const { lease, progress } = request;
  let { plan } = request;
  for (let [tries, lost] = [0, 0]; ; tries++) {
    const take = tries === 0 ? () => lease.take() : () => lease.takeAgain();
    const machine = await progress.step('lease', take, describeMachine);
    const job = new JobOnMachine(plan, machine, lease, progress);
    try {
      const trained = await trainOn(machine, job, request);
      const { completed } = trained;
      return { plan, machine, job, ...trained, completed: { ...completed, starts: completed.starts + tries } };
    } catch (error) {
      const { type } = toFailure(error);
      const { onLoss, onOutOfMemory, larger } = plan.virtualMachine;
      if (type === 'MachineGone' && onLoss !== 'fail' && lost < MACHINE_LOSSES) {
        lost++;
        log.warn('the VM was lost under the run, which goes on with another', { virtualMachine: machine.name });
        job.lose();
        await lease.giveBack();
      } else if (type === 'OutOfMemory' && onOutOfMemory === 'larger' && larger !== undefined) {
        plan = await moveToLarger(plan, job, request, error);
      } else throw error;
    }
  }
}

/** Where there is no larger VM now, the run ends for what it ended for. */
async function moveToLarger(
  plan: TrainingPlan,
  job: JobOnMachine,
  { lease, metrics, progress }: Request,
  error: unknown,
): Promise<TrainingPlan> {
  const enlarged = await siteSteps()
    .enlargeMachine(plan)
    .catch((refusal: unknown) => {
      if (isCancellation(refusal)) throw refusal;
      log.warn('there is no larger VM for the script', { refusal: toFailure(refusal) });
      throw error;
    });
  const { size } = enlarged.virtualMachine;
  log.warn('the script ran out of memory and goes on with a larger VM', { size: size.name });
  await metrics.finish(UNDO_PATIENCE);
  await job.giveMachineBack();
  lease.moveTo(enlarged);
  progress.planned(enlarged);
  progress.note(
    'plan',
    `out of memory on ${plan.virtualMachine.size.name}: goes on with ${enlarged.virtualMachine.name} (${size.name})`,
  );
  return enlarged;
}

async function trainOn(
  machine: VirtualMachine,
  job: JobOnMachine,
  { undo, metrics, record }: Request,
): Promise<Omit<Trained, 'plan' | 'machine' | 'job'>> {
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
