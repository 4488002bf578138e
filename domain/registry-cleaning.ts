import { z } from 'zod';
import { ModelName, SiteName } from './resource-names.ts';

/** What of a model's repositories nobody needs: pure rules, so that they can be tried without a registry. */

const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** How old what is removed must be: longer than a run goes on trying to push. */
export const DEFAULT_AGE_HOURS = 72;

/** The one JSON object that starts `cleanRegistry`. */
export const CleanRegistryInput = z.strictObject({
  site: SiteName,
  /** Absent: all models of the site. */
  model: ModelName.optional(),
  /** What would be removed is told, and nothing is. */
  dryRun: z.boolean().default(true),
  olderThanHours: z
    .int()
    .min(1)
    .max(24 * 365)
    .default(DEFAULT_AGE_HOURS),
});
export type CleanRegistryInput = z.infer<typeof CleanRegistryInput>;

/** What the `model` workflow is asked for. `keep`: digests that serve, or that a rollback goes back to. */
export const Cleaning = z.strictObject({
  action: z.literal('clean'),
  site: SiteName,
  model: ModelName,
  dryRun: z.boolean(),
  olderThanHours: z.int().min(1),
  keep: z.array(Digest),
});
export type Cleaning = z.infer<typeof Cleaning>;

/** One manifest that is removed, and why. */
const Removed = z.strictObject({
  digest: Digest,
  tags: z.array(z.string()),
  /** `no-version`: its tag is of a version that is not registered; `untagged`; `attached`: to one of those, or to none any more. */
  why: z.enum(['no-version', 'untagged', 'attached']),
});
export type Removed = z.infer<typeof Removed>;

export const CleanedRepository = z.strictObject({
  repository: z.string(),
  removed: z.array(Removed),
  /** What only the removed ones hold, as far as this repository knows. */
  bytes: z.int().min(0),
  /** What would be removed if it were older. */
  tooYoung: z.int().min(0),
});
export type CleanedRepository = z.infer<typeof CleanedRepository>;

/** The answer to `cleanRegistry`. */
export const CleanedRegistry = z.strictObject({
  site: SiteName,
  dryRun: z.boolean(),
  repositories: z.array(CleanedRepository),
});
export type CleanedRegistry = z.infer<typeof CleanedRegistry>;

/** A manifest as the registry lists it, and what it says itself. */
export interface StoredImage {
  readonly digest: string;
  readonly tags: readonly string[];
  /** When it or a tag of it was last written. */
  readonly at: string;
  /** What it needs: an index's manifests. */
  readonly manifests: readonly string[];
  /** What it belongs to: its own word, or that of a tag `sha256-HEX`, under which a registry keeps the list of what is attached. */
  readonly subject?: string;
  /** Whether a build of this model made it, by its own annotations. */
  readonly isOurs: boolean;
  readonly blobs: readonly { readonly digest: string; readonly size: number }[];
}

interface Known {
  /** Tags of registered versions: `v3`. */
  readonly versions: ReadonlySet<string>;
  readonly keep: ReadonlySet<string>;
  /** What is younger stays. */
  readonly before: string;
}

export interface Judged {
  /** An image before what is attached to it. */
  readonly dead: readonly StoredImage[];
  readonly tooYoung: number;
}

/**
 * What may go: an image of ours that no tag names but one of a version that is not registered, and what is attached to it. Every
 * other tag is somebody's, and keeps what it names, and all that belongs to that.
 */
export function judge(images: readonly StoredImage[], known: Known): Judged {
  const alive = living(images, known);
  const lost = images.filter(({ digest }) => !alive.has(digest));
  const there = new Set(images.map(({ digest }) => digest));
  const goes = new Set(lost.filter(({ subject }) => subject === undefined).map(({ digest }) => digest));
  const isAttachedToDead = ({ subject }: StoredImage) =>
    subject !== undefined && (goes.has(subject) || !there.has(subject));
  for (let size = -1; size !== goes.size;) {
    size = goes.size;
    for (const image of lost) if (isAttachedToDead(image)) goes.add(image.digest);
  }
  const candidates = lost.filter(({ digest }) => goes.has(digest));
  // An image and what is attached to it go together, and not while a run is making one of them.
  const rootOf = rootsOf(candidates);
  const young = new Set(candidates.filter(({ at }) => at >= known.before).map(rootOf));
  const old = candidates.filter((image) => !young.has(rootOf(image)));
  return {
    dead: old.toSorted((a, b) => Number(a.subject !== undefined) - Number(b.subject !== undefined)),
    tooYoung: candidates.length - old.length,
  };
}

/** What an attachment belongs to in the end. */
function rootsOf(images: readonly StoredImage[]): (image: StoredImage) => string {
  const byDigest = new Map(images.map((image) => [image.digest, image]));
  return ({ digest, subject }) => {
    let [root, above] = [digest, subject];
    // Digests make no circle; a tag that somebody wrote might.
    for (let steps = 0; above !== undefined && steps < images.length; steps++)
      [root, above] = [above, byDigest.get(above)?.subject];
    return root;
  };
}

/** What is named or is not ours, and all that it needs. What is attached to it shares its fate. */
function living(images: readonly StoredImage[], { versions, keep }: Known): Set<string> {
  const isNamed = ({ digest, tags }: StoredImage) =>
    keep.has(digest) || tags.some((tag) => versions.has(tag) || !(isVersionTag(tag) || isListTag(tag)));
  const byDigest = new Map(images.map((image) => [image.digest, image]));
  const alive = new Set<string>();
  const live = (digest: string): void => {
    if (alive.has(digest)) return;
    alive.add(digest);
    const { manifests = [], subject } = byDigest.get(digest) ?? {};
    // Azure's registry removes with an image all that is attached to it.
    for (const needed of subject === undefined ? manifests : [...manifests, subject]) live(needed);
  };
  for (const image of images) if (isNamed(image) || !(image.isOurs || image.subject !== undefined)) live(image.digest);
  return alive;
}

const isVersionTag = (tag: string): boolean => /^v\d+$/.test(tag);
const isListTag = (tag: string): boolean => /^sha256-[0-9a-f]{64}$/.test(tag);

export function removedOf({ digest, tags, subject }: StoredImage): Removed {
  const why = subject !== undefined ? 'attached' : tags.length > 0 ? 'no-version' : 'untagged';
  return { digest, tags: [...tags], why };
}

/** What only these hold, of all that the repository has. A registry keeps what another repository holds too. */
export function bytesOnlyIn(some: readonly StoredImage[], all: readonly StoredImage[]): number {
  const gone = new Set(some.map(({ digest }) => digest));
  const rest = all.filter(({ digest }) => !gone.has(digest));
  const kept = new Set(rest.flatMap(({ blobs }) => blobs.map(({ digest }) => digest)));
  const freed = new Map(some.flatMap(({ blobs }) => blobs).map(({ digest, size }) => [digest, size]));
  return [...freed].filter(([digest]) => !kept.has(digest)).reduce((sum, [, size]) => sum + size, 0);
}
