import { z } from 'zod';
import { CompletedJob, PreparedEnvironment, StagedInputs } from './completed-job.ts';
import { RecordedRun } from './model-version.ts';
import { Inspection } from './release.ts';
import { Trial } from './sweep.ts';
import { TrainModelInput } from './train-model-input.ts';
import { TrainingPlan } from './training-plan.ts';
import { VirtualMachine } from './virtual-machine.ts';

/** What starts a trial: its sweep's whole input, and which point of the search space it is. */
export const TrialRequest = z.strictObject({ input: TrainModelInput, trial: Trial });
export type TrialRequest = z.infer<typeof TrialRequest>;

/** A trial that its sweep has stopped early, and why. What it had logged until then counts; a model it has none. */
export const StoppedTrial = z.strictObject({ stopped: z.string() });
export type StoppedTrial = z.infer<typeof StoppedTrial>;

/** A trial whose script ended well. Its outputs are kept on site, and nothing of it has left but numbers. */
export const KeptTrial = z.strictObject({
  plan: TrainingPlan,
  machine: VirtualMachine,
  run: RecordedRun,
  environment: PreparedEnvironment,
  inputs: StagedInputs,
  completed: CompletedJob,
  inspection: Inspection,
});
export type KeptTrial = z.infer<typeof KeptTrial>;
