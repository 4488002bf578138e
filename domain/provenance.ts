import { z } from 'zod';
import { ModelName, Repository, Sha256, SiteName, JobId } from './resource-names.ts';

/** How an image of ours comes to be; the fields of `externalParameters` are this type's. */
export const BUILD_TYPE = 'https://edge-train.dev/serving-image/v1';
export const BUILDER = 'https://edge-train.dev/cloud-worker/v1';

/** What an image was made from: each has one name and one SHA-256. */
export const DEPENDENCIES = {
  receipt: 'The site’s signed receipt; it is attached to the image, byte for byte.',
  model: 'The release digest: over path, size and SHA-256 of each file of the model.',
  data: 'The root digest of what it was trained on; the data stays on site.',
  code: 'The archive of the training code.',
  'job file': 'What of the job file makes a model: command, environment, variables, inputs, outputs.',
  'training environment': 'The lock of the environment that the script ran in.',
  'serving environment': 'The lock of the Python packages in the image.',
  'base image': 'The manifest of the image below.',
} as const;
export type Dependency = keyof typeof DEPENDENCIES;

/** SLSA provenance v1 (https://slsa.dev/spec/v1.0/provenance), as an image of ours has it. */
export const Provenance = z.strictObject({
  buildDefinition: z.strictObject({
    buildType: z.literal(BUILD_TYPE),
    externalParameters: z.strictObject({
      model: z.strictObject({ name: ModelName, version: z.int().min(1) }),
      image: z.strictObject({ repository: Repository, tag: z.string() }),
      site: SiteName,
      job: JobId,
    }),
    resolvedDependencies: z.array(
      z.strictObject({
        name: z.enum(Object.keys(DEPENDENCIES) as [Dependency, ...Dependency[]]),
        digest: z.strictObject({ sha256: Sha256 }),
      }),
    ),
  }),
  runDetails: z.strictObject({
    builder: z.strictObject({ id: z.literal(BUILDER), version: z.record(z.string(), z.string()) }),
    metadata: z.strictObject({ invocationId: z.string() }),
  }),
});
export type Provenance = z.infer<typeof Provenance>;

export type Origin = Provenance['buildDefinition']['externalParameters'] & {
  /** Of each dependency that there is; a job may have no code. */
  readonly digests: Readonly<Partial<Record<Dependency, string>>>;
  readonly workflowId: string;
  /** Which edge-train. */
  readonly tool: string;
};

/** The same origin is the same provenance: it states no time of its own. */
export function provenance({ digests, workflowId, tool, model, image, site, job }: Origin): Provenance {
  const names = Object.keys(DEPENDENCIES) as Dependency[];
  return {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: { model, image, site, job },
      resolvedDependencies: names.flatMap((name) => {
        const sha256 = digests[name];
        return sha256 === undefined ? [] : [{ name, digest: { sha256 } }];
      }),
    },
    runDetails: {
      builder: { id: BUILDER, version: { 'edge-train': tool } },
      metadata: { invocationId: `${workflowId}/${job}` },
    },
  };
}

/** The one dependency of that name; undefined where there is none, or more than one. */
export function dependency({ buildDefinition }: Provenance, name: Dependency): string | undefined {
  const found = buildDefinition.resolvedDependencies.filter((each) => each.name === name);
  return found.length === 1 ? found[0]?.digest.sha256 : undefined;
}
