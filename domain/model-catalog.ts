import { z } from 'zod';
import { AliasName, LATEST, ModelAlias } from './model-alias.ts';
import { ContainerImage, VersionNumber } from './model-version.ts';
import { JobId, ModelName, SiteName } from './resource-names.ts';

/** What Azure ML, the registry and the release account know of a site's models. */

const summary = {
  model: ModelName,
  site: SiteName,
  /** The newest that is not archived; absent where all are. */
  newest: VersionNumber.optional(),
  /** How many versions there are, with archived ones, and how many of them are archived. */
  versions: z.int().min(0),
  archived: z.int().min(0),
  /** Those that somebody moved, by name; `latest` is `newest`. */
  aliases: z.array(ModelAlias),
};
export const ModelSummary = z.strictObject(summary);
export type ModelSummary = z.infer<typeof ModelSummary>;

/** The answer to `listModels`. */
export const ModelList = z.strictObject({ site: SiteName, models: z.array(ModelSummary) });
export type ModelList = z.infer<typeof ModelList>;

const Registered = z.strictObject({
  version: VersionNumber,
  archived: z.boolean(),
  /** When it was registered. */
  at: z.iso.datetime().optional(),
  /** Every name that it has now, `latest` too. */
  aliases: z.array(AliasName),
  job: JobId.optional(),
});

/** Where a version comes from, as the run that made it wrote it down; the user's own tags are beside it. */
export const Lineage = z.strictObject({
  job: z.string().optional(),
  workflow: z.string().optional(),
  /** The MLflow run. */
  run: z.string().optional(),
  site: z.string().optional(),
  virtualMachine: z.string().optional(),
  computeTarget: z.string().optional(),
  /** Root digest of the data, how many files and bytes it had. */
  data: z.string().optional(),
  'data.files': z.string().optional(),
  'data.bytes': z.string().optional(),
  code: z.string().optional(),
  environment: z.string().optional(),
  'environment.lock': z.string().optional(),
  release: z.string().optional(),
  receipt: z.string().optional(),
});
export type Lineage = z.infer<typeof Lineage>;

export const DescribedVersion = z.strictObject({
  ...Registered.shape,
  type: z.string(),
  modelUri: z.string(),
  resourceId: z.string(),
  lineage: Lineage,
  tags: z.record(z.string(), z.string()),
  /** `digest` is absent where the image has not been built. */
  image: ContainerImage.omit({ uploadedBytes: true }).partial({ digest: true }),
});
export type DescribedVersion = z.infer<typeof DescribedVersion>;

/** Of one model the newest versions are told, no more than this: what passes through Temporal is small. */
export const MOST_VERSIONS = 500;

/** The answer to `showModel`. */
export const DescribedModel = z.strictObject({
  ...summary,
  /** The newest first, at most 500. */
  registered: z.array(Registered),
  /** The one that was asked for. */
  version: DescribedVersion.optional(),
});
export type DescribedModel = z.infer<typeof DescribedModel>;

/** A version, by number or by alias. */
const reference = { model: ModelName, version: VersionNumber.optional(), alias: AliasName.optional() };
const notBoth = { message: 'is instead of a version: name one of the two', path: ['alias'] };
const isOne = ({ version, alias }: { version?: unknown; alias?: unknown }) =>
  version === undefined || alias === undefined;

/** What `listModels` starts with. */
export const ListModelsInput = z.strictObject({ site: SiteName });
/** What `showModel` starts with. */
export const ShowModelInput = z.strictObject({ site: SiteName, ...reference }).refine(isOne, notBoth);
export type ShowModelInput = z.infer<typeof ShowModelInput>;

/** The names that a version has. */
export const aliasesOf = (version: number, aliases: readonly ModelAlias[], newest: number | undefined): string[] => [
  ...aliases.filter((each) => each.version === version).map(({ alias }) => alias),
  ...(version === newest ? [LATEST] : []),
];

/** Splits a version's tags into what our run wrote and what is the user's. */
export function splitTags(given: Readonly<Record<string, string | null | undefined>>): {
  lineage: Lineage;
  tags: Record<string, string>;
} {
  const ours = new Set<string>([...Object.keys(Lineage.shape), 'image.repository']);
  const all = Object.entries(given).map(([key, value]) => [key, value ?? ''] as const);
  return {
    lineage: Lineage.parse(Object.fromEntries(all.filter(([key]) => ours.has(key) && key !== 'image.repository'))),
    tags: Object.fromEntries(all.filter(([key]) => !ours.has(key))),
  };
}
