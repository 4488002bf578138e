import { z } from 'zod';
import { Identifier, ModelName, Repository, SiteName } from './resource-names.ts';
import { MachineRequest, ModelTags } from './train-model-input.ts';

/** `training.yml`: what to train, where, and what becomes of it. The job file beside it stays as Azure ML has it. */
export const TrainingFile = z.strictObject({
  $schema: z.string().optional(),
  site: SiteName,
  /** Path of an Azure ML CLI v2 command job, relative to this file. */
  job: z.string().min(1).max(1000),
  model: z.strictObject({
    name: ModelName,
    path: z.string().min(1).max(500).optional(),
    tags: ModelTags.optional(),
  }),
  /** What the job's data inputs are on site, as STORE/PATH, where the job file does not name it. */
  inputs: z.record(Identifier, z.string().regex(/^[A-Za-z_]\w*\/.+/, 'STORE/PATH')).optional(),
  virtualMachine: MachineRequest.partial().optional(),
  image: z.strictObject({ repository: Repository.optional() }).optional(),
});
export type TrainingFile = z.infer<typeof TrainingFile>;
