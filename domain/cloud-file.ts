import { z } from 'zod';
import { CloudDeployments } from './cloud-deployment.ts';
import { PayloadCodecSettings } from './payload-codec.ts';
import { PublicKey } from './public-key.ts';
import { ApprovalPolicy } from './release.ts';
import { SiteName } from './resource-names.ts';
import { HttpsUrl, SecretReference } from './secret.ts';

const Text = z.string().min(1).max(1000);
const FilePath = z.string().regex(/^\//, 'an absolute path');

/** `cloud.yml`. */
export const CloudFile = z
  .strictObject({
    $schema: z.string().optional().describe('The JSON Schema of this file, for editors.'),
    azure: z
      .strictObject({
        endpoint: HttpsUrl.default('https://management.azure.com').describe('Azure Resource Manager.'),
        authority: HttpsUrl.default('https://login.microsoftonline.com').describe('The token service’s host.'),
        audience: HttpsUrl.default('https://management.azure.com').describe(
          'The scope of Resource Manager’s tokens is `AUDIENCE/.default`.',
        ),
        tenant: Text.describe('The Entra tenant.'),
        clientId: Text.describe('The service principal’s application id.'),
        clientSecret: SecretReference.describe('Its secret.'),
        subscription: z.uuid().describe('Of the workspace.'),
        resourceGroup: Text.describe('Of the workspace.'),
        workspace: Text.describe('The Azure ML workspace’s name.'),
        trackingAudience: HttpsUrl.optional().describe(
          'As `audience`, for MLflow’s routes, where a workspace wants another (`https://ml.azure.com`).',
        ),
        caFile: FilePath.optional().describe('PEM of a certificate authority of one’s own, such as the sandbox’s.'),
      })
      .describe('Azure ML, and who asks it.'),
    release: z
      .strictObject({
        blobEndpoint: HttpsUrl.describe('`https://ACCOUNT.blob.core.windows.net`.'),
        key: SecretReference.describe('The account’s key. It signs the short grants that the VMs get.'),
        codeContainer: Text.default('edge-train-code').describe('Where `run` uploads code.'),
        stagingContainer: Text.default('edge-train-staging').describe('Where VMs put what was released.'),
        modelContainer: Text.default('edge-train-models').describe('Where models are kept, out of any grant’s reach.'),
      })
      .describe('The storage account through which code comes in and models go out.'),
    registry: z
      .strictObject({
        loginServer: z
          .string()
          .regex(/^[\w.-]+(:\d+)?$/, 'HOST or HOST:PORT')
          .describe('`NAME.azurecr.io`.'),
        audience: HttpsUrl.default('https://containerregistry.azure.net').describe(
          'The scope of the Entra token that is exchanged for the registry’s own is `AUDIENCE/.default`.',
        ),
        base: z
          .string()
          .regex(/^[a-z0-9._/-]+@sha256:[0-9a-f]{64}$/, 'a base is REPOSITORY@sha256:DIGEST')
          .describe('The image that models are served on, in this registry: Debian with Python.'),
        packageIndex: HttpsUrl.describe('The simple index (PEP 503) from which the image’s Python packages come.'),
        signingKey: SecretReference.optional().describe(
          'P-256 private key, PKCS#8 PEM: it signs each image and what is said of it (SBOM, provenance). Whoever deploys checks with its public half. Absent: images are not signed.',
        ),
      })
      .describe('The container registry for models’ images.'),
    sites: z
      .record(
        SiteName,
        z.strictObject({
          receiptPublicKey: PublicKey.describe(
            'The public half of the site’s `receiptKey`: a model is registered only with a receipt by it.',
          ),
          approval: ApprovalPolicy.optional().describe(
            'The same as `release.approval` of `site.yml`: then no VM is granted a place for its model before an approver has signed, whatever the site’s own workers say.',
          ),
        }),
      )
      .describe('Each site by its name, and whose receipts are believed.'),
    deployments: CloudDeployments.optional(),
    codec: PayloadCodecSettings.optional().describe(
      'Encryption of what is in Temporal. The same in `site.yml` and `client.yml`. Absent: none.',
    ),
    attach: z
      .strictObject({
        username: Text.default('azureml').describe('The same as `attach.username` of `site.yml`.'),
        privateKey: SecretReference.describe('PKCS#8 or OpenSSH private key of that account.'),
      })
      .optional()
      .describe('The powerless account on the VM that Azure ML logs in to, where a site attaches.'),
  })
  .describe('The cloud worker’s file: the workspace, the release account, the registry, and each site’s public key.');
export type CloudFile = z.infer<typeof CloudFile>;

/** What `cloud.yml` says of a site; undefined where it knows none of that name. */
export const siteOf = (sites: CloudFile['sites'], name: string): CloudFile['sites'][string] | undefined =>
  Object.hasOwn(sites, name) ? sites[name] : undefined;
