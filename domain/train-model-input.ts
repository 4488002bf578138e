import { z } from 'zod';
import { CodeAsset } from './code-asset.ts';
import { CommandJob } from './command-job.ts';
import { placeholders } from './command-text.ts';
import { DataReference, parseDataAddress } from './data-reference.ts';
import { environmentName } from './environment.ts';
import {
  Identifier,
  ModelName,
  Repository,
  SiteName,
  VirtualMachineName,
  VirtualMachineSizeName,
} from './resource-names.ts';
import { Sweep } from './sweep.ts';

export const ModelTags = z.record(
  z.string().regex(/^[A-Za-z0-9][\w.-]{0,127}$/, 'a tag’s name is letters, digits, . _ and -'),
  z
    .string()
    .max(256)
    .regex(/^\P{Cc}*$/u, 'a tag’s value has no control characters'),
);

export const MachineRequest = z.strictObject({
  size: VirtualMachineSizeName.optional().describe(
    'One of the site’s sizes. Absent: the smallest that holds the job’s `resources` and data.',
  ),
  name: VirtualMachineName.optional().describe('Absent: `SITE-SIZE`, so that runs of one size share one VM.'),
  host: VirtualMachineName.optional().describe('An existing host, by its name in `site.yml`, instead of a VM.'),
  after: z
    .enum(['keep', 'deallocate', 'delete'])
    .default('keep')
    .describe('What becomes of the VM after the run. `keep`: the next run uses it; it is deallocated when idle.'),
  onLoss: z
    .enum(['restart', 'fail'])
    .default('restart')
    .describe(
      'When somebody deletes the VM under the run. `restart`: it is made anew, and the script goes on from its last checkpoint.',
    ),
  onOutOfMemory: z
    .enum(['fail', 'larger'])
    .optional()
    .describe(
      'When the script runs out of memory. `larger`: it goes on from its last checkpoint on a VM of the next larger size, as long as the site allows one; absent, `fail`.',
    ),
});

export type MachineRequest = z.infer<typeof MachineRequest>;

/** Where the new version is to serve when it has been made. */
export const DeployTarget = z
  .enum(['site', 'cloud'])
  .describe(
    'The last step: the new version serves. `site`: on a VM of the site. `cloud`: on a managed online endpoint of Azure ML. Absent: it is made, and not deployed.',
  );
export type DeployTarget = z.infer<typeof DeployTarget>;

/** The one JSON object that starts `trainModel`, from the command, the Temporal UI or a schedule. */
export const TrainModelInput = z
  .strictObject({
    site: SiteName,
    job: CommandJob,
    /** Trains the job once for each point of a search space, and releases the best. `edge-train run` makes it of a sweep job's file. */
    sweep: Sweep.optional(),
    /** Absent: the command needs no code of its own. */
    code: CodeAsset.optional(),
    /** What the job's data inputs are on site, where the job file does not say it by name. */
    data: z.record(Identifier, DataReference).default({}),
    model: z.strictObject({
      name: ModelName,
      /** The output, and the folder below it, that holds the model: `model` or `outputs/model`. */
      path: z.string().min(1).max(500).optional(),
      /** A file in an output that stays on site: `OUTPUT/file.json`, with rows and the model's predictions. */
      smokeTest: z.string().min(1).max(500).optional(),
      tags: ModelTags.default({}),
    }),
    virtualMachine: MachineRequest.prefault({}),
    image: z.strictObject({ repository: Repository.optional() }).prefault({}),
    deploy: DeployTarget.optional(),
  })
  .superRefine((input, context) => {
    for (const { path, message } of contradictions(input)) context.addIssue({ code: 'custom', path, message });
  });
export type TrainModelInput = z.infer<typeof TrainModelInput>;
/** As a person writes it: defaults may be left out. */
export type TrainModelRequest = z.input<typeof TrainModelInput>;

interface Contradiction {
  readonly path: (string | number)[];
  readonly message: string;
}

/** What no single field can show. */
function contradictions(input: {
  job: CommandJob;
  sweep?: Sweep | undefined;
  code?: unknown;
  data: Record<string, DataReference>;
  virtualMachine: MachineRequest;
}): Contradiction[] {
  const { job } = input;
  const inputs = job.inputs ?? {};
  const outputs = job.outputs ?? {};
  const named = placeholders(job.command);
  const faults: Contradiction[] = [];
  const fault = (path: (string | number)[], message: string) => faults.push({ path, message });

  for (const name of named.inputs)
    if (!Object.hasOwn(inputs, name)) fault(['job', 'command'], `names inputs.${name}, which is not declared`);
  for (const name of named.outputs)
    if (!Object.hasOwn(outputs, name) && name !== 'default')
      fault(['job', 'command'], `names outputs.${name}, which is not declared`);
  for (const text of named.unknown) fault(['job', 'command'], `${text.slice(0, 40)} is neither an input nor an output`);
  for (const { path, message } of sweepFaults(input.sweep, named.parameters)) fault(path, message);
  for (const [name, value] of Object.entries(inputs)) {
    if (typeof value !== 'object' || Object.hasOwn(input.data, name)) continue;
    if (!parseDataAddress(value.path))
      fault(
        ['job', 'inputs', name, 'path'],
        `says nothing of where the data is on site: use azureml://datastores/STORE/paths/PATH, azureml:ASSET, or --input ${name}=STORE/PATH`,
      );
  }
  for (const name of Object.keys(input.data))
    if (typeof inputs[name] !== 'object') fault(['data', name], 'is not a data input of the job');
  const environment = environmentFault(job.environment);
  if (environment) fault(['job', 'environment', ...environment.path], environment.message);
  if (job.code !== undefined && input.code === undefined)
    fault(['code'], 'is required, since the job names a code folder; edge-train run uploads it and puts its digest in');
  const { host, size, name, after, onOutOfMemory } = input.virtualMachine;
  if (input.sweep && after !== 'keep')
    fault(
      ['virtualMachine', 'after'],
      'must be keep: the trials of a sweep share VMs, which are deallocated when idle',
    );
  if (host === undefined) return faults;
  if (size !== undefined) fault(['virtualMachine', 'size'], 'is for a VM: the host is as large as it is');
  if (name !== undefined) fault(['virtualMachine', 'name'], 'is for a VM: the host has its name');
  if (onOutOfMemory === 'larger')
    fault(['virtualMachine', 'onOutOfMemory'], 'is for a VM: the host is as large as it is');
  if (after !== 'keep')
    fault(['virtualMachine', 'after'], `must be keep: the host ${host} is not edge-train’s to switch off or delete`);
  return faults;
}

/** A parameter that the command never names would train the same again and again. */
function sweepFaults(sweep: Sweep | undefined, named: readonly string[]): Contradiction[] {
  const space = Object.keys(sweep?.search_space ?? {});
  const unknown = named.filter((name) => !space.includes(name));
  return [
    ...unknown.map((name) => ({
      path: ['job', 'command'],
      message: sweep
        ? `names search_space.${name}, which is not declared`
        : `\${{search_space.${name}}} is neither an input nor an output: only a sweep has a search space`,
    })),
    ...space
      .filter((name) => !named.includes(name))
      .map((name) => ({
        path: ['sweep', 'search_space', name],
        message: `is not used: the command does not name \${{search_space.${name}}}`,
      })),
  ];
}

function environmentFault(environment: CommandJob['environment']): Contradiction | undefined {
  if (typeof environment === 'string')
    return environmentName(environment) ? undefined : { path: [], message: 'is no name of an environment' };
  const { image, conda_file } = environment;
  if (image === undefined && conda_file === undefined)
    return { path: [], message: 'has neither an image nor a conda_file, so it says nothing of Python' };
  if (typeof conda_file !== 'string') return undefined;
  const message = 'must hold the conda file’s content here; edge-train run reads the file and puts it in';
  return { path: ['conda_file'], message };
}
