import { z } from 'zod';
import { TemporalCredential } from './temporal-credential.ts';

/** What a VM is granted for one run, inside the seal. Every URL carries a short SAS for just this. */
export const SiteGrant = z.strictObject({
  kind: z.literal('site'),
  /** A SAS for each data store (read, list), by store name: the container's URL with the SAS. */
  stores: z.record(z.string(), z.string()),
  /** The site's run container (create, write, read), below `runs/<job>/`. */
  runs: z.string(),
  /** Where the plan's list of blobs stands, below the run container. */
  plan: z.string(),
});
export type SiteGrant = z.infer<typeof SiteGrant>;

export const CodeGrant = z.strictObject({ kind: z.literal('code'), url: z.string() });
export type CodeGrant = z.infer<typeof CodeGrant>;

/** What pulls one image: the registry's own short token for that repository. */
export const ImageGrant = z.strictObject({
  kind: z.literal('image'),
  registry: z.string(),
  repository: z.string(),
  digest: z.string(),
  /** The `Authorization` header; absent where the registry lets everybody pull. */
  authorization: z.string().optional(),
});
export type ImageGrant = z.infer<typeof ImageGrant>;

/** Reads the one blob that holds a model's recorded rows. */
export const SmokeTestGrant = z.strictObject({ kind: z.literal('smoke-test'), url: z.string() });
export type SmokeTestGrant = z.infer<typeof SmokeTestGrant>;

/** One write-only URL an artifact, valid for an hour. */
export const ArtifactGrant = z.strictObject({
  kind: z.literal('artifacts'),
  urls: z.array(z.strictObject({ path: z.string(), url: z.string() })),
});
export type ArtifactGrant = z.infer<typeof ArtifactGrant>;

/** The VM's next Temporal credential. */
export const CredentialGrant = z.strictObject({ kind: z.literal('credential'), ...TemporalCredential.shape });
export type CredentialGrant = z.infer<typeof CredentialGrant>;

/** A compact JWE (ECDH-ES, A256GCM) that only the VM can open. Safe in Temporal's history. `expires` is ISO 8601. */
export const SealedGrant = z.strictObject({
  kind: z.enum(['site', 'code', 'image', 'artifacts', 'smoke-test', 'credential']),
  jwe: z.string(),
  expires: z.iso.datetime(),
});
export type SealedGrant = z.infer<typeof SealedGrant>;
