import { z } from 'zod';
import { SiteName } from './resource-names.ts';
import { HttpsUrl, SecretReference } from './secret.ts';

const Text = z.string().min(1).max(1000);

/** `cloud.yml`, the cloud worker's file: the workspace, the release account, the registry, and each site's public key. */
export const CloudFile = z.strictObject({
  $schema: z.string().optional(),
  azure: z.strictObject({
    /** Azure Resource Manager. */
    endpoint: HttpsUrl.default('https://management.azure.com'),
    /** The token service's host. */
    authority: HttpsUrl.default('https://login.microsoftonline.com'),
    /** The scope of ARM tokens is `<audience>/.default`. */
    audience: HttpsUrl.default('https://management.azure.com'),
    tenant: Text,
    clientId: Text,
    clientSecret: SecretReference,
    subscription: z.uuid(),
    resourceGroup: Text,
    workspace: Text,
    /** The same for tokens of MLflow’s routes, where a workspace wants another (`https://ml.azure.com`). Absent: `audience`. */
    trackingAudience: HttpsUrl.optional(),
    /** PEM of a certificate authority of one's own, such as the sandbox's. */
    caFile: z.string().regex(/^\//, 'an absolute path').optional(),
  }),
  /** The storage account through which code comes in and models go out. */
  release: z.strictObject({
    blobEndpoint: HttpsUrl,
    key: SecretReference,
    codeContainer: Text.default('edge-train-code'),
    stagingContainer: Text.default('edge-train-staging'),
    modelContainer: Text.default('edge-train-models'),
  }),
  registry: z.strictObject({
    loginServer: z.string().regex(/^[\w.-]+(:\d+)?$/, 'HOST or HOST:PORT'),
    /** The scope of the Entra token that is exchanged for the registry’s own is `<audience>/.default`. */
    audience: HttpsUrl.default('https://containerregistry.azure.net'),
    /** The image that models are served on, in this registry: Debian with Python. */
    base: z.string().regex(/^[a-z0-9._/-]+@sha256:[0-9a-f]{64}$/, 'a base is REPOSITORY@sha256:DIGEST'),
    /** A simple-index URL (PEP 503) from which the image's Python packages come. */
    packageIndex: HttpsUrl,
  }),
  sites: z.record(
    SiteName,
    z.strictObject({
      /** SPKI PEM: whose receipts are believed. */
      receiptPublicKey: z.string().startsWith('-----BEGIN PUBLIC KEY-----'),
    }),
  ),
  /** PKCS#8 or OpenSSH private key, by reference, of the powerless account that Azure ML logs in to. */
  attach: z.strictObject({ username: Text.default('azureml'), privateKey: SecretReference }).optional(),
});
export type CloudFile = z.infer<typeof CloudFile>;
