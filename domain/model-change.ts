import { z } from 'zod';
import { ContainerImage, VersionNumber } from './model-version.ts';
import { Failure } from './failure.ts';
import { MovableAlias } from './model-alias.ts';
import { CleanedRepository, Cleaning } from './registry-cleaning.ts';
import { ModelName, SiteName } from './resource-names.ts';
import { Holder } from './virtual-machine.ts';

const common = {
  site: SiteName,
  model: ModelName,
  version: VersionNumber,
  /** Who asks, as they say. */
  by: z.string().min(1).max(100).default('somebody'),
};

/** The one JSON object that starts `changeModel`. */
export const ChangeModelInput = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('promote'), ...common, alias: MovableAlias.default('champion') }),
  z.strictObject({ action: z.literal('archive'), ...common }),
  z.strictObject({ action: z.literal('restore'), ...common }),
]);
export type ChangeModelInput = z.infer<typeof ChangeModelInput>;

/** `latest` to the newest version that has an image: what a run asks for when its image is there. */
const FollowLatest = z.strictObject({
  action: z.literal('follow'),
  ...{ site: SiteName, model: ModelName },
});

/** What the `model` workflow is asked for. `at`: when; a change that was asked for later is never undone by an earlier one. */
export const ModelChangeRequest = z.strictObject({
  holder: Holder,
  change: z.discriminatedUnion('action', [...ChangeModelInput.options, FollowLatest, Cleaning]),
  at: z.iso.datetime(),
});
export type ModelChangeRequest = z.infer<typeof ModelChangeRequest>;

const Image = ContainerImage.omit({ uploadedBytes: true });

/** What came of it. */
export const ModelChangeResult = z.strictObject({
  site: SiteName,
  model: ModelName,
  /** Absent: the model has no version with an image, which `latest` could name. */
  version: VersionNumber.optional(),
  alias: z.string().optional(),
  /** What the alias named before. */
  from: VersionNumber.optional(),
  image: Image.optional(),
  /** Of `archive` and `restore`. */
  archived: z.boolean().optional(),
  /** Of `clean`. */
  cleaned: z.array(CleanedRepository).optional(),
});
export type ModelChangeResult = z.infer<typeof ModelChangeResult>;

export const ModelChangeAnswer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('changed'), result: ModelChangeResult }),
  z.strictObject({ kind: z.literal('refused'), failure: Failure }),
]);
export type ModelChangeAnswer = z.infer<typeof ModelChangeAnswer>;
