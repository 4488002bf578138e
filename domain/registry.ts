import { z } from 'zod';
import { REGISTRY_HOST } from './image-reference.ts';
import { SecretReference } from './secret.ts';

const Host = z.string().regex(REGISTRY_HOST, 'a registry is HOST or HOST:PORT, in lower case');

/** A container registry whose images jobs of the site may run in. */
export const Registry = z.strictObject({
  host: Host.describe('`HOST` or `HOST:PORT`, as image names have it; always by HTTPS.'),
  username: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[^:\s]+$/, 'a user name without a colon or a space')
    .optional()
    .describe('Of a credential that may pull: a repository token of Azure Container Registry, say. Absent: anonymous.'),
  password: SecretReference.optional().describe('Its password. It stays with the site worker: VMs get short tokens.'),
  tokenHost: Host.optional().describe('Where the registry’s tokens come from, where that is another host.'),
  repositories: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9._/-]*$/, 'a repository, or the beginning of one'))
    .min(1)
    .optional()
    .describe('Only repositories that begin so: `team/` is all below it. Absent: all of them.'),
});
export type Registry = z.infer<typeof Registry>;
