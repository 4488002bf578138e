import { z } from 'zod';
import { CondaFile } from './conda-file.ts';
import { Distribution } from './distribution.ts';
import { oneOf, refused } from './refusal.ts';
import { Identifier } from './resource-names.ts';

/**
 * An Azure Machine Learning CLI v2 command job, in that file's own words
 * (schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json).
 * What makes no sense on one site is refused with the reason; nothing is silently ignored.
 */

const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !value.includes('\0'), 'must not contain a NUL character');

const Literal = z.union([text(8192), z.number(), z.boolean()]);

const TABLE = 'tables (MLTable) are read by Azure ML’s own service; give the files as uri_file or uri_folder';
const TRITON = 'say custom_model: a Triton repository is a folder';

export const DataInput = z.strictObject({
  type: oneOf(['uri_file', 'uri_folder', 'mlflow_model', 'custom_model'], {
    mltable: TABLE,
    triton_model: TRITON,
  }).default('uri_folder'),
  path: text(2048),
  mode: oneOf(['ro_mount', 'download', 'direct'], {
    eval_mount: `it is for tables, and ${TABLE}`,
    eval_download: `it is for tables, and ${TABLE}`,
    rw_mount: 'a job never writes to the site’s data; inputs are read-only',
    upload: 'it is for outputs',
  }).default('ro_mount'),
  description: text(1000).optional(),
  datastore: refused('nothing is uploaded to a datastore: the data is on site already'),
  path_on_compute: refused('a path of a cloud compute means nothing on site'),
});
export type DataInput = z.infer<typeof DataInput>;

export const JobOutput = z.strictObject({
  type: oneOf(['uri_folder', 'uri_file', 'mlflow_model', 'custom_model'], {
    mltable: TABLE,
    triton_model: TRITON,
  }).default('uri_folder'),
  mode: oneOf(['rw_mount', 'mount', 'upload'], {
    direct: 'outputs are files here: the site collects them when the script has ended',
  }).default('rw_mount'),
  path: refused('outputs stay in the site’s own storage'),
  name: refused('only the released model is registered, under model.name'),
  version: refused('only the released model is registered, and its version is the next'),
  description: text(1000).optional(),
});
export type JobOutput = z.infer<typeof JobOutput>;

export const JobEnvironment = z.union([
  text(1000),
  z.strictObject({
    name: text(255).optional(),
    version: z.union([text(255), z.number()]).optional(),
    description: text(1000).optional(),
    tags: z.record(text(255), Literal).optional(),
    image: text(500).min(1).optional(),
    conda_file: z.union([text(1000), CondaFile]).optional(),
    os_type: oneOf(['linux', 'Linux'], {
      windows: 'the VMs of a site are Linux',
      Windows: 'the VMs of a site are Linux',
    }).optional(),
    build: refused('no container image is built on site; give the Python packages as conda_file'),
    inference_config: refused('it says how an image serves, and this job trains'),
    datastore: refused('nothing is uploaded to a datastore'),
  }),
]);
export type JobEnvironment = z.infer<typeof JobEnvironment>;

const memorySize = z.string().regex(/^\d+[bkmg]$/i, 'a size is a number and b, k, m or g, such as 2g');

const CommandType = oneOf(['command'], {
  sweep:
    'here is the command job of each trial, and what is tried stands in sweep; edge-train run makes both of a sweep job’s file',
  pipeline: 'pipeline jobs are not run on site; start the command job of each step',
  parallel: 'parallel jobs need several nodes, and a job here has one VM',
  spark: 'there is no Spark on site',
  automl: 'AutoML is Azure ML’s own service, and the data may not go there',
});

export const CommandJob = z.strictObject({
  $schema: text(500).optional(),
  type: CommandType.optional(),
  name: text(255).optional(),
  display_name: text(255).optional(),
  experiment_name: z
    .string()
    .regex(/^[A-Za-z0-9][\w-]{0,254}$/, 'an experiment name is letters, digits, _ and -, from a letter or digit')
    .optional(),
  description: text(5000).optional(),
  tags: z.record(text(255), Literal).optional(),
  command: text(65536).min(1),
  code: text(1000).optional(),
  inputs: z.record(Identifier, z.union([Literal, DataInput])).optional(),
  /** Null: Azure ML’s default, a folder. */
  outputs: z.record(Identifier, z.union([JobOutput, z.null()])).optional(),
  environment: JobEnvironment,
  environment_variables: z.record(Identifier, Literal).optional(),
  compute: text(1000).min(1).optional(),
  resources: z
    .strictObject({
      instance_count: z.literal(1, 'is refused: one VM trains one job here, so it is 1').optional(),
      instance_type: text(100).optional(),
      shm_size: memorySize.optional(),
      max_instance_count: refused('one VM trains one job here'),
      locations: refused('the site is where the job runs'),
      properties: refused('it configures cloud compute'),
      docker_args: refused('no Docker runs on the VM; the cage’s terms are the site’s'),
    })
    .optional(),
  limits: z.strictObject({ timeout: z.int().min(1).max(31_536_000) }).optional(),
  distribution: Distribution.optional(),
  identity: refused('a job on site holds no identity'),
  queue_settings: refused('a site’s VM has one queue, first come, first served'),
  services: refused('no port of a job can be reached'),
  properties: refused('they configure Azure ML’s own service; use tags'),
  parent_job_name: refused('a run on site has no parent'),
});
export type CommandJob = z.infer<typeof CommandJob>;
