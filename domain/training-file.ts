import { z } from 'zod';
import { Identifier, ModelName, Repository, SiteName } from './resource-names.ts';
import { DeployTarget, MachineRequest, ModelTags } from './train-model-input.ts';

/** `training.yml`. */
export const TrainingFile = z
  .strictObject({
    $schema: z.string().optional().describe('The JSON Schema of this file, for editors.'),
    site: SiteName.describe('Where to train.'),
    job: z
      .string()
      .min(1)
      .max(1000)
      .describe('Path of an Azure ML CLI v2 command job or sweep job, relative to this file.'),
    model: z
      .strictObject({
        name: ModelName.describe('In Azure ML. A name belongs to one site.'),
        path: z
          .string()
          .min(1)
          .max(500)
          .optional()
          .describe('The output, and the folder below it, that holds the model. Absent: the one that looks like it.'),
        smokeTest: z
          .string()
          .min(1)
          .max(500)
          .optional()
          .describe(
            'A JSON file that the script leaves in an output other than the model: a request for `POST /score`, and beside it `predictions`, what the model makes of it. It stays on site; a deployment compares.',
          ),
        tags: ModelTags.optional().describe('Put on each version, beside edge-train’s own.'),
      })
      .describe('What the model is called.'),
    inputs: z
      .record(Identifier, z.string().regex(/^[A-Za-z_]\w*\/.+/, 'STORE/PATH'))
      .optional()
      .describe('What the job’s data inputs are on site, where the job file does not name it.'),
    virtualMachine: MachineRequest.partial().optional().describe('The VM to train on.'),
    image: z
      .strictObject({
        repository: Repository.optional().describe('In the registry. Absent: `edge-train/MODEL`.'),
      })
      .optional()
      .describe('The image that serves the model.'),
    deploy: DeployTarget.optional(),
  })
  .describe('What to train, where, and what becomes of it. The job file beside it stays as Azure ML has it.');
export type TrainingFile = z.infer<typeof TrainingFile>;
