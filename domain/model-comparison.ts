import { z } from 'zod';
import { AliasName } from './model-alias.ts';
import { DescribedVersion } from './model-catalog.ts';
import { VersionNumber } from './model-version.ts';
import { ModelName, Sha256, SiteName } from './resource-names.ts';

/** One side of a comparison; without a version or an alias the newest. */
const Side = z
  .strictObject({ model: ModelName, version: VersionNumber.optional(), alias: AliasName.optional() })
  .refine(({ version, alias }) => version === undefined || alias === undefined, {
    message: 'is instead of a version: name one of the two',
    path: ['alias'],
  });

/** What `compareVersions` starts with. */
export const CompareVersionsInput = z.strictObject({ site: SiteName, one: Side, other: Side });
export type CompareVersionsInput = z.infer<typeof CompareVersionsInput>;

/** A value that the two do not share; absent on the side that has none. */
const Difference = z.strictObject({ name: z.string(), one: z.string().optional(), other: z.string().optional() });
export type Difference = z.infer<typeof Difference>;

const File = z.strictObject({ sha256: Sha256, bytes: z.int() });
const FileDifference = z.strictObject({ path: z.string(), one: File.optional(), other: File.optional() });
export type FileDifference = z.infer<typeof FileDifference>;

/** The answer to `compareVersions`: what differs, and nothing of what does not. */
export const VersionComparison = z.strictObject({
  site: SiteName,
  one: z.strictObject({ model: ModelName, version: VersionNumber }),
  other: z.strictObject({ model: ModelName, version: VersionNumber }),
  lineage: z.array(Difference),
  tags: z.array(Difference),
  /** Last values and parameters in Azure ML. Absent where one of the two runs is not there any more. */
  metrics: z.array(Difference).optional(),
  parameters: z.array(Difference).optional(),
  /** By the receipts. Absent where one is not there, or is not the one that was registered. */
  files: z.array(FileDifference).optional(),
  /** Whether both are served by one and the same image; absent where one of them has none. */
  sameImage: z.boolean().optional(),
});
export type VersionComparison = z.infer<typeof VersionComparison>;

type Texts = Readonly<Record<string, string | undefined>>;

/** What two sets of values differ in, by name. */
export function differences(one: Texts, other: Texts): Difference[] {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  return names
    .filter((name) => one[name] !== other[name])
    .map((name) => ({
      name,
      ...(one[name] === undefined ? {} : { one: one[name] }),
      ...(other[name] === undefined ? {} : { other: other[name] }),
    }));
}

type Files = readonly { readonly path: string; readonly sha256: string; readonly bytes: number }[];

/** The files that are not the same on both sides, byte for byte. */
export function fileDifferences(one: Files, other: Files): FileDifference[] {
  const [left, right] = [one, other].map((files) => new Map(files.map(({ path, ...file }) => [path, file])));
  const paths = [...new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])].sort();
  return paths.flatMap((path) => {
    const [a, b] = [left?.get(path), right?.get(path)];
    if (a?.sha256 === b?.sha256) return [];
    return [{ path, ...(a ? { one: a } : {}), ...(b ? { other: b } : {}) }];
  });
}

/** Whether two versions have one image; undefined where one of them has none. */
export const sameImage = (one: DescribedVersion, other: DescribedVersion): boolean | undefined =>
  one.image.digest === undefined || other.image.digest === undefined
    ? undefined
    : one.image.digest === other.image.digest;
