import { z } from 'zod';
import { HttpsUrl, SecretReference } from './secret.ts';
import { SiteName } from './resource-names.ts';

/** `client.yml`, the user's file: where code is uploaded, and how each site's logs are read. */
export const ClientFile = z.strictObject({
  $schema: z.string().optional(),
  code: z.strictObject({
    /** The code container's URL, without its SAS. */
    container: HttpsUrl,
    /** A SAS (create, write, read) on a stored access policy of that container: the text after `?`. */
    sas: SecretReference,
    caFile: z.string().regex(/^\//, 'an absolute path').optional(),
  }),
  /** For `approve` and `reject`: the name that `site.yml` knows, and its P-256 private key (PKCS#8 PEM). */
  approval: z.strictObject({ name: z.string().min(1).max(64), key: SecretReference }).optional(),
  /** The Temporal UI, for links to runs. */
  temporalUi: z
    .string()
    .regex(/^https?:\/\/[^\s@?#]+$/, 'an http or https URL without user name, query or fragment')
    .optional(),
  sites: z
    .record(
      SiteName,
      z.strictObject({
        /** The site's run container, and a read SAS on a stored access policy of it. */
        runs: z.strictObject({ container: HttpsUrl, sas: SecretReference }).optional(),
        caFile: z.string().regex(/^\//, 'an absolute path').optional(),
      }),
    )
    .default({}),
});
export type ClientFile = z.infer<typeof ClientFile>;
