import { z } from 'zod';
import { VersionNumber } from './model-version.ts';

/**
 * Names that move from version to version. Which version an alias names is kept by Azure ML, as tags of the model itself;
 * the registry has a tag of the same name for those who pull.
 */

/** Follows the newest version that is not archived, by itself. */
export const LATEST = 'latest';

/** A tag of the registry too, beside `v3`, which never moves. */
export const AliasName = z
  .string()
  .regex(
    /^(?!v\d+$)[a-z]([a-z0-9-]{0,30}[a-z0-9])?$/,
    'an alias is 1 to 32 of a-z, 0-9 and -, from a letter, and not like v3',
  );
/** An alias that somebody moves. */
export const MovableAlias = AliasName.refine(
  (name) => name !== LATEST,
  `${LATEST} follows the newest version by itself`,
);

const Move = z.strictObject({
  /** Which version it named before. */
  from: VersionNumber.optional(),
  /** Who asked, as they said. */
  by: z.string(),
  /** When it was asked for. */
  at: z.iso.datetime(),
});

export const ModelAlias = z.strictObject({ alias: AliasName, version: VersionNumber, ...Move.partial().shape });
export type ModelAlias = z.infer<typeof ModelAlias>;
/** One that was moved by the `model` workflow, and how it came to be. */
export type MovedAlias = ModelAlias & z.infer<typeof Move>;

/** `latest` is not written down, but reckoned from the versions; its record tells where it went, too. */
const LatestMove = z.strictObject({ ...Move.shape, to: VersionNumber });
export type LatestMove = z.infer<typeof LatestMove>;

type Tags = Readonly<Record<string, string | null | undefined>>;

/** What a model's tags say of its aliases, by name. A tag that somebody wrote by hand counts, and has no record. */
export function aliasesIn(tags: Tags): ModelAlias[] {
  const found = Object.entries(tags).flatMap(([key, value]) => {
    const alias = /^alias\.([^.]+)$/.exec(key)?.[1];
    const parsed = ModelAlias.safeParse({ alias, version: Number(value), ...recordIn(tags, alias) });
    return alias !== undefined && parsed.success ? [parsed.data] : [];
  });
  return found.toSorted((a, b) => (a.alias < b.alias ? -1 : 1));
}

export const findAlias = (tags: Tags, alias: string): ModelAlias | undefined =>
  aliasesIn(tags).find((each) => each.alias === alias);

/** The tags that say where an alias points, and who moved it, when and from where. */
export const aliasTags = ({ alias, version, from, by, at }: MovedAlias): Record<string, string> => ({
  [`alias.${alias}`]: String(version),
  ...recordTag(alias, { from, by, at }),
});

/** What the tags say of the last move of `latest`; undefined where it was never moved. */
export const latestMoveIn = (tags: Tags): LatestMove | undefined => parsedRecord(LatestMove, tags, LATEST);

/** The tag beside the aliases' own. It makes no alias of that name: `aliasesIn` does not tell it. */
export const latestMoveTag = (move: LatestMove): Record<string, string> => recordTag(LATEST, move);

const recordTag = (alias: string, move: object) => ({ [`alias.${alias}.moved`]: JSON.stringify(move) });

const recordIn = (tags: Tags, alias: string | undefined): object => parsedRecord(Move, tags, alias) ?? {};

function parsedRecord<T>(schema: z.ZodType<T>, tags: Tags, alias: string | undefined): T | undefined {
  try {
    return schema.safeParse(JSON.parse(tags[`alias.${alias}.moved`] ?? '')).data;
  } catch {
    return undefined;
  }
}
