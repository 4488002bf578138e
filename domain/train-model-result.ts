import { z } from 'zod';
import { Metric } from './completed-job.ts';
import { DataDigest } from './data-reference.ts';
import { DeployModelResult } from './deployment.ts';
import { ContainerImage, ImageAttestation, ModelVersion, RecordedRun } from './model-version.ts';
import { Release } from './release.ts';
import { JobId, Sha256, SiteName } from './resource-names.ts';
import { Objective } from './sweep.ts';
import { TrialStatus } from './trial-status.ts';
import { ComputeTarget } from './virtual-machine.ts';

/** What a sweep tried: the best trial's model is what was made, and all else of the result is that trial's. */
export const SweepResult = z.strictObject({
  /** The sweep's own run in Azure ML, the parent of its trials'. */
  run: RecordedRun,
  objective: Objective,
  best: z.int().min(1),
  /** By number; what was never begun is not among them. */
  trials: z.array(TrialStatus),
});
export type SweepResult = z.infer<typeof SweepResult>;

/** What a run ends with: what was made, where the data stayed, and what left. */
export const TrainModelResult = z.strictObject({
  job: JobId,
  site: SiteName,
  virtualMachine: z.string(),
  computeTarget: ComputeTarget,
  run: RecordedRun,
  model: ModelVersion,
  image: ContainerImage,
  /** What is attached to the image. Results of an older edge-train do not say. */
  attestation: ImageAttestation.optional(),
  metrics: z.array(Metric),
  parameters: z.record(z.string(), z.string()),
  /** What stayed. */
  data: DataDigest,
  /** What left. */
  released: Release,
  receipt: Sha256,
  trainingSeconds: z.number(),
  sweep: SweepResult.optional(),
  /** Where the version serves, of a run that was asked to deploy it. */
  deployed: DeployModelResult.optional(),
});
export type TrainModelResult = z.infer<typeof TrainModelResult>;
