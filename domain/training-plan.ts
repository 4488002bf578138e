import { z } from 'zod';
import { CodeAsset } from './code-asset.ts';
import { DataReference } from './data-reference.ts';
import { EnvironmentPlan } from './environment.ts';
import { MachineSize } from './machine-size.ts';
import { ReleasePolicy } from './release.ts';
import {
  Identifier,
  JobId,
  ModelName,
  Repository,
  Sha256,
  SiteName,
  VirtualMachineName,
  VirtualMachineSizeName,
} from './resource-names.ts';
import { Trial } from './sweep.ts';
import { ModelTags } from './train-model-input.ts';

/** One blob of an input as it was when the run was planned; the edge fetches exactly this one (If-Match). */
export const PlannedBlob = z.strictObject({ path: z.string(), bytes: z.int().min(0), etag: z.string() });
export type PlannedBlob = z.infer<typeof PlannedBlob>;

export const PlannedInput = z.strictObject({
  name: Identifier,
  type: z.enum(['uri_file', 'uri_folder', 'mlflow_model', 'custom_model']),
  data: DataReference,
  /** How many blobs and bytes the plan saw; the list itself stays on site, in the run container's `plan.json`. */
  files: z.int().min(1),
  bytes: z.int().min(0),
});
export type PlannedInput = z.infer<typeof PlannedInput>;

export const PlannedOutput = z.strictObject({
  name: Identifier,
  type: z.enum(['uri_folder', 'uri_file', 'mlflow_model', 'custom_model']),
});
export type PlannedOutput = z.infer<typeof PlannedOutput>;

export const MachinePlan = z.strictObject({
  site: SiteName,
  name: VirtualMachineName,
  /** An existing host of the site: adopted as it is, never made, started, stopped or deleted. Absent: a VM of the Stack Hub. */
  host: z.literal(true).optional(),
  size: MachineSize,
  /** The next size that the site allows and that has more memory: for whoever runs out of it. */
  larger: VirtualMachineSizeName.optional(),
  after: z.enum(['keep', 'deallocate', 'delete']),
  onLoss: z.enum(['restart', 'fail']).default('restart'),
  /** Absent: an out-of-memory script ends the run. */
  onOutOfMemory: z.literal('larger').optional(),
  attach: z.enum(['never', 'try', 'require']),
  /** Deallocated this long after its last lease. */
  idleSeconds: z.int().min(0),
  computeTarget: z.string(),
  /** Also a VM that answers at once is looked at, so that it has the site’s file as it is now. */
  upToDate: z.literal(true).optional(),
});
export type MachinePlan = z.infer<typeof MachinePlan>;

/** Everything that is derived, frozen before anything is spent. Made at the site from the input and `site.yml`. */
export const TrainingPlan = z.strictObject({
  job: JobId,
  site: SiteName,
  workflowId: z.string(),
  /** SHA-256 of the `site.yml` that it was made from. */
  siteFile: Sha256,
  virtualMachine: MachinePlan,
  /** Where the run is a trial of a sweep. */
  trial: Trial.optional(),
  command: z.string(),
  environmentVariables: z.record(Identifier, z.string()),
  environment: EnvironmentPlan,
  code: CodeAsset.optional(),
  inputs: z.array(PlannedInput),
  outputs: z.array(PlannedOutput),
  limits: z.strictObject({ seconds: z.int().min(1), memoryMiB: z.int().min(1), sharedMemoryMiB: z.int().min(0) }),
  run: z.strictObject({
    experiment: z.string(),
    displayName: z.string(),
    description: z.string().optional(),
    tags: z.record(z.string(), z.string()),
  }),
  model: z.strictObject({
    name: ModelName,
    /** The output that holds the model, and the path below it ('' for all of it). */
    output: Identifier,
    path: z.string(),
    type: z.enum(['mlflow_model', 'custom_model']),
    tags: ModelTags,
    /** Where the script leaves rows and what the model makes of them: an output, and a file below it. It stays on site. */
    smokeTest: z.strictObject({ output: Identifier, path: z.string() }).optional(),
  }),
  image: z.strictObject({ repository: Repository }),
  /** As the site had it when planned: shown to people. The edge obeys the root-owned policy on the VM. */
  release: ReleasePolicy,
  /** SHA-256 of `canonicalRecipe`: by which an approver's word holds for later runs. */
  recipe: Sha256.optional(),
});
export type TrainingPlan = z.infer<typeof TrainingPlan>;

/**
 * What makes a model besides the bytes of the data: whose word lets one release out may let out the next that has the same. JSON,
 * keys in order.
 */
export function canonicalRecipe(plan: TrainingPlan): string {
  const { site, command, environment, code, inputs, outputs, model } = plan;
  const byName = <T extends { name: string }>(items: readonly T[]) =>
    [...items].sort((a, b) => (a.name < b.name ? -1 : 1));
  return JSON.stringify({
    code: code?.digest ?? null,
    command,
    environment: environment.digest,
    environmentVariables: Object.entries(plan.environmentVariables).sort(([a], [b]) => (a < b ? -1 : 1)),
    inputs: byName(inputs).map(({ name, type, data: { store, path } }) => [name, type, store, path]),
    model: [model.name, model.output, model.path, model.type],
    outputs: byName(outputs).map(({ name, type }) => [name, type]),
    site,
  });
}

/**
 * `runs/<job>/plan.json` in the site's run container: the plan, and the blobs that it froze, which never leave the site.
 * A blob's path is its whole name in the store's container. A `uri_file` has exactly one.
 */
export const PlanFile = z.strictObject({
  plan: TrainingPlan,
  inputs: z.array(z.strictObject({ name: Identifier, store: Identifier, blobs: z.array(PlannedBlob).min(1) })),
});
export type PlanFile = z.infer<typeof PlanFile>;

/** Where things are inside the cage. */
export const CAGE = {
  code: '/job/code',
  inputs: '/job/inputs',
  outputs: '/job/outputs',
  environment: '/job/env',
  /** Loopback, of the cage's own network: the helper relays it. */
  tracking: 'http://127.0.0.1:5000',
} as const;
/** `$AZUREML_CHECKPOINT_DIR`, below the outputs; no output's name begins with a dot. */
export const CHECKPOINTS = '.checkpoints';
/** `${{outputs.default}}` and files that a script puts into `./outputs`, as Azure ML has it. */
export const DEFAULT_OUTPUT = 'default';
