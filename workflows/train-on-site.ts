import { workflowInfo } from '@temporalio/workflow';
import { count, memoryText } from '../domain/amount-text.ts';
import type { Evidence, RecordedRun } from '../domain/model-version.ts';
import type { TrainModelInput } from '../domain/train-model-input.ts';
import type { TrainModelResult } from '../domain/train-model-result.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import type { VirtualMachine } from '../domain/virtual-machine.ts';
import type { Compensation } from './compensation.ts';
import { JobOnMachine } from './job-on-machine.ts';
import { Lease } from './lease.ts';
import { publish, type Published } from './publish.ts';
import { RunRecord } from './run-record.ts';
import type { Progress } from './status.ts';
import { siteSteps } from './steps.ts';
import { together } from './together.ts';

/** The whole way of the data: a line an arrow, and its undo registered before it. */
export async function trainOnSite(
  input: TrainModelInput,
  progress: Progress,
  undo: Compensation,
): Promise<TrainModelResult> {
  const plan = await planTraining(input, progress);

  const lease = new Lease(plan);
  undo.register('give the VM back', (reason) => lease.giveBackAfter(reason));
  const machine = await progress.step('lease', () => lease.take(), describeMachine);

  const job = new JobOnMachine(plan, machine, lease, progress);
  const record = new RunRecord(plan, machine);
  undo.register('end the run in Azure ML', (reason) => record.undo(reason));
  const [run, environment] = await together(
    () =>
      progress.step(
        'record',
        () => record.begin(),
        ({ runId }) => `MLflow run ${runId}`,
      ),
    () => job.prepareEnvironment(),
    () => job.grantData(),
  );

  undo.register('remove the job’s folders', () => job.undoStage());
  const inputs = await job.stageInputs();

  undo.register('keep the outputs on site', () => job.undoTrain());
  const completed = await job.train(environment);

  const [release] = await together(
    () => job.releaseOutputs(),
    () => job.keepOutputs(),
    () => record.finish(run, completed),
  );

  const { name, bundle, computeTarget } = machine;
  const evidence = { plan, machine: { name, bundle }, environment, inputs, completed, release };
  const [published] = await together(
    () => publish({ holder: lease.holder, evidence, run, computeTarget }, record, progress),
    () => job.giveMachineBack(),
  );
  return summary(evidence, machine, run, published);
}

async function planTraining(input: TrainModelInput, progress: Progress): Promise<TrainingPlan> {
  const { workflowId, originalExecutionRunId } = workflowInfo();
  const plan = await progress.step(
    'plan',
    () => siteSteps().planTraining({ input, workflowId, originalExecutionRunId }),
    ({ job, virtualMachine: { name, size } }) => `job ${job} on ${name} (${size.name})`,
  );
  progress.planned(plan);
  return plan;
}

function describeMachine({ name, size, computeTarget }: VirtualMachine): string {
  const target = computeTarget.state === 'attached' ? `, compute target ${computeTarget.name}` : '';
  return `${name}: ${count(size.cores, 'core')}, ${memoryText(size.memoryMiB)}${target}`;
}

function summary(
  evidence: Evidence,
  machine: VirtualMachine,
  run: RecordedRun,
  published: Published,
): TrainModelResult {
  const { plan, inputs, completed, release } = evidence;
  return {
    job: plan.job,
    site: plan.site,
    virtualMachine: machine.name,
    computeTarget: machine.computeTarget,
    run,
    model: published.version,
    image: published.image,
    metrics: completed.metrics,
    parameters: completed.parameters,
    data: inputs.data,
    released: release,
    receipt: published.receipt.digest,
    trainingSeconds: (Date.parse(completed.endedAt) - Date.parse(completed.startedAt)) / 1000,
  };
}
