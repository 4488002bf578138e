import { z } from 'zod';
import { DeploymentRecord } from './deployment.ts';
import { AliasName } from './model-alias.ts';
import { VersionNumber } from './model-version.ts';
import { PublicKey } from './public-key.ts';
import { Artifact } from './release.ts';
import { JobId, ModelName, Sha256, SiteName } from './resource-names.ts';

/** `deployments` of `cloud.yml`. */
export const CloudDeployments = z
  .strictObject({
    instanceType: z
      .string()
      .regex(/^Standard_[A-Za-z0-9_]{1,50}$/, 'an instance type looks like Standard_DS2_v2')
      .describe('What one instance runs on: a size that managed online endpoints offer.'),
    instanceCount: z
      .int()
      .min(1)
      .max(20)
      .default(1)
      .describe('How many instances. While a new version is tried, both versions have so many.'),
    imageKeys: z
      .array(PublicKey)
      .min(1)
      .describe(
        'Who may sign images that serve: the public half of `registry.signingKey`. While a key is rotated, the old one and the new.',
      ),
    receiptKeys: z
      .array(PublicKey)
      .default([])
      .describe('Public halves of receipt keys that sites had before: models of that time may serve too.'),
    startSeconds: z
      .int()
      .min(10)
      .max(7200)
      .default(900)
      .describe('How long a server may take until it answers, from the start of its container.'),
    probationSeconds: z
      .int()
      .min(0)
      .max(3600)
      .default(120)
      .describe('How long a new version is watched, with the traffic on it, before the old one goes.'),
  })
  .describe('How models serve on managed online endpoints of the workspace. Absent: none does.');
export type CloudDeployments = z.infer<typeof CloudDeployments>;

/** One version that serves in the cloud, or did. */
export const CloudDeployedVersion = z.strictObject({
  version: VersionNumber,
  /** Of its image, `sha256:…`. */
  digest: z.string(),
  /** The online deployment’s name. */
  deployment: z.string(),
  at: z.iso.datetime(),
});
export type CloudDeployedVersion = z.infer<typeof CloudDeployedVersion>;

/** What the endpoint's own tags say of a model that serves there. */
export const CloudDeploymentRecord = z.strictObject({
  to: z.literal('cloud'),
  site: SiteName,
  model: ModelName,
  endpoint: z.string(),
  /** Where it is asked, with a key of the endpoint. */
  address: z.string(),
  current: CloudDeployedVersion,
  /** What `rollback` goes back to. */
  previous: CloudDeployedVersion.optional(),
});
export type CloudDeploymentRecord = z.infer<typeof CloudDeploymentRecord>;

/** The answer to the `listDeployments` workflow: on VMs of the site, and in the cloud. */
export const ServingList = z.strictObject({
  site: SiteName,
  deployments: z.array(z.union([DeploymentRecord, CloudDeploymentRecord])),
});
export type ServingList = z.infer<typeof ServingList>;

/** The traffic of an endpoint: per cent by deployment. */
export const Traffic = z.record(z.string(), z.int().min(0).max(100));
export type Traffic = z.infer<typeof Traffic>;

/** Everything that is derived for one deployment to the cloud, from the input, `cloud.yml` and what serves. */
export const CloudDeploymentPlan = z.strictObject({
  job: JobId,
  /** Where the model was trained. */
  site: SiteName,
  model: ModelName,
  workflowId: z.string(),
  endpoint: z.string(),
  /** Nothing of that name was there when it was planned. */
  isNew: z.boolean(),
  /** What is to serve; absent: the newest version. */
  version: VersionNumber.optional(),
  /** Instead: what this alias names. */
  alias: AliasName.optional(),
  /** Of a rollback: what that version's image was, `sha256:…`. */
  digest: z.string().optional(),
  instanceType: z.string(),
  instanceCount: z.int().min(1),
  startSeconds: z.int(),
  probationSeconds: z.int(),
  /** What serves now, and who is asked. */
  replaces: CloudDeployedVersion.optional(),
  traffic: Traffic,
});
export type CloudDeploymentPlan = z.infer<typeof CloudDeploymentPlan>;

/** An image that may serve. */
export const VerifiedServingImage = z.strictObject({
  /** SHA-256 of the key that signed it. */
  keyId: Sha256,
  /** The released file with the model's signature, from which rows are made up; null: it is no MLflow model. */
  description: Artifact.nullable(),
});
export type VerifiedServingImage = z.infer<typeof VerifiedServingImage>;
