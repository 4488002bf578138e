import { z } from 'zod';
import { CodecServerSettings } from './codec-server.ts';
import { PayloadCodecSettings } from './payload-codec.ts';
import { HttpsUrl, SecretReference } from './secret.ts';
import { SiteName } from './resource-names.ts';

const FilePath = z.string().regex(/^\//, 'an absolute path');

/** `client.yml`. */
export const ClientFile = z
  .strictObject({
    $schema: z.string().optional().describe('The JSON Schema of this file, for editors.'),
    code: z
      .strictObject({
        container: HttpsUrl.describe('The code container’s URL, without its SAS.'),
        sas: SecretReference.describe(
          'A SAS (create, write, read) on a stored access policy of that container: the text after `?`.',
        ),
        caFile: FilePath.optional().describe('PEM of the storage’s own certificate authority, where it has one.'),
      })
      .describe('Where `run` uploads a job’s code.'),
    approval: z
      .strictObject({
        name: z.string().min(1).max(64).describe('The name that `release.approval.approvers` of `site.yml` knows.'),
        key: SecretReference.describe('P-256 private key, PKCS#8 PEM. Its public half stands beside that name.'),
      })
      .optional()
      .describe('For those who may let a model out: who they are.'),
    codec: PayloadCodecSettings.optional().describe(
      'Encryption of what is in Temporal. The same as in `cloud.yml` and `site.yml`. Absent: none.',
    ),
    codecServer: CodecServerSettings.optional().describe(
      'For `edge-train codec serve`, through which the Temporal UI shows what is encrypted.',
    ),
    temporalUi: z
      .string()
      .regex(/^https?:\/\/[^\s@?#]+$/, 'an http or https URL without user name, query or fragment')
      .optional()
      .describe('The Temporal UI, for links to runs.'),
    sites: z
      .record(
        SiteName,
        z.strictObject({
          runs: z
            .strictObject({
              container: HttpsUrl.describe('Its URL, without the SAS.'),
              sas: SecretReference.describe('A read SAS on a stored access policy of it: the text after `?`.'),
            })
            .optional()
            .describe('The site’s run container, for those who may read logs there.'),
          caFile: FilePath.optional().describe('PEM of the site’s own certificate authority.'),
          codec: PayloadCodecSettings.optional().describe('As `codec`, where this site has keys of its own.'),
        }),
      )
      .default({})
      .describe('Each site that the user trains at, by its name. A site that only takes runs needs `{}`.'),
  })
  .describe('The user’s file: where code is uploaded, and how each site’s logs are read.');
export type ClientFile = z.infer<typeof ClientFile>;
