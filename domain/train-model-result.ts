import { z } from 'zod';
import { Metric } from './completed-job.ts';
import { DataDigest } from './data-reference.ts';
import { ContainerImage, ModelVersion, RecordedRun } from './model-version.ts';
import { Release } from './release.ts';
import { JobId, Sha256, SiteName } from './resource-names.ts';
import { ComputeTarget } from './virtual-machine.ts';

/** What a run ends with: what was made, where the data stayed, and what left. */
export const TrainModelResult = z.strictObject({
  job: JobId,
  site: SiteName,
  virtualMachine: z.string(),
  computeTarget: ComputeTarget,
  run: RecordedRun,
  model: ModelVersion,
  image: ContainerImage,
  metrics: z.array(Metric),
  parameters: z.record(z.string(), z.string()),
  /** What stayed. */
  data: DataDigest,
  /** What left. */
  released: Release,
  receipt: Sha256,
  trainingSeconds: z.number(),
});
export type TrainModelResult = z.infer<typeof TrainModelResult>;
