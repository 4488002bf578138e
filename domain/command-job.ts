import { z } from 'zod';
import { CondaFile } from './environment.ts';
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
const refused = (reason: string) => z.undefined({ error: `is refused: ${reason}` }).optional();

const Literal = z.union([text(8192), z.number(), z.boolean()]);

export const DataInput = z.strictObject({
  type: z.enum(['uri_file', 'uri_folder', 'mlflow_model', 'custom_model']).default('uri_folder'),
  path: text(2048),
  mode: z.enum(['ro_mount', 'download', 'direct']).default('ro_mount'),
  description: text(1000).optional(),
});
export type DataInput = z.infer<typeof DataInput>;

export const JobOutput = z.strictObject({
  type: z.enum(['uri_folder', 'uri_file', 'mlflow_model', 'custom_model']).default('uri_folder'),
  mode: z.enum(['rw_mount', 'upload']).default('rw_mount'),
  path: refused('outputs stay in the site’s own storage').optional(),
  description: text(1000).optional(),
});
export type JobOutput = z.infer<typeof JobOutput>;

export const JobEnvironment = z.union([
  text(300),
  z.strictObject({
    name: text(255).optional(),
    version: z.union([text(255), z.number()]).optional(),
    description: text(1000).optional(),
    image: text(500).optional(),
    conda_file: z.union([text(1000), CondaFile]),
  }),
]);
export type JobEnvironment = z.infer<typeof JobEnvironment>;

const memorySize = z.string().regex(/^\d+[bkmg]$/i, 'a size is a number and b, k, m or g, such as 2g');

export const CommandJob = z.strictObject({
  $schema: text(500).optional(),
  type: z.literal('command').optional(),
  name: refused('edge-train names its runs; use display_name').optional(),
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
  outputs: z.record(Identifier, z.union([JobOutput, z.null()])).optional(),
  environment: JobEnvironment,
  environment_variables: z.record(Identifier, Literal).optional(),
  compute: text(255).optional(),
  resources: z
    .strictObject({
      instance_count: z.literal(1, 'one VM trains one job here').optional(),
      instance_type: text(100).optional(),
      shm_size: memorySize.optional(),
      properties: refused('it configures cloud compute').optional(),
      docker_args: refused('no Docker runs on the VM; the cage’s terms are the site’s').optional(),
    })
    .optional(),
  limits: z.strictObject({ timeout: z.int().min(1).max(31_536_000) }).optional(),
  distribution: refused('distributed jobs are not run on one site yet').optional(),
  identity: refused('a job on site holds no identity').optional(),
  queue_settings: refused('a site’s VM has one queue, first come, first served').optional(),
  services: refused('no port of a job can be reached').optional(),
});
export type CommandJob = z.infer<typeof CommandJob>;

/** Azure ML turns every literal into Python's `str(value)`. */
export function literalText(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);
}

const PLACEHOLDER = /\$\{\{\s*(inputs|outputs)\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;

/** The inputs and outputs that a command names, and any `${{ … }}` that names neither. */
export function placeholders(command: string): { inputs: string[]; outputs: string[]; unknown: string[] } {
  const found = [...command.matchAll(PLACEHOLDER)];
  const known = new Set(found.map((match) => match[0]));
  const all = [...command.matchAll(/\$\{\{[^}]*\}\}?/g)].map((match) => match[0]);
  return {
    inputs: found.filter((match) => match[1] === 'inputs').map((match) => match[2] ?? ''),
    outputs: found.filter((match) => match[1] === 'outputs').map((match) => match[2] ?? ''),
    unknown: all.filter((item) => !known.has(item)),
  };
}

/** Puts values in the place of `${{inputs.x}}` and `${{outputs.y}}`, as Azure ML does: as text, unquoted. */
export function fillCommand(
  command: string,
  values: { readonly inputs: Readonly<Record<string, string>>; readonly outputs: Readonly<Record<string, string>> },
): string {
  return command.replaceAll(
    PLACEHOLDER,
    (whole, kind: 'inputs' | 'outputs', key: string) => values[kind][key] ?? whole,
  );
}
