import { z } from 'zod';
import { SecretReference } from './secret.ts';

const Text = z.string().min(1).max(200);

/** Whose signature stands under the VMs’ JWTs. A VM is enrolled anew where this changes. */
export const TokenIssuer = z.strictObject({
  keyId: Text.describe('The key’s `kid` in the key set that Temporal’s server reads.'),
  issuer: Text.optional().describe('The claim `iss`. Temporal’s own claim mapper does not look at it.'),
  audience: Text.optional().describe('The claim `aud`, where the server demands one.'),
});
export type TokenIssuer = z.infer<typeof TokenIssuer>;

/** `site.yml: temporal.jwt`. */
export const TokenSettings = z.strictObject({
  signingKey: SecretReference.describe(
    'The private key, PEM or JWK: P-256 (ES256), or RSA of 2048 bits or more (RS256). Temporal’s key set has its public half.',
  ),
  ...TokenIssuer.shape,
  minutes: z
    .int()
    .min(10)
    .max(30 * 1440)
    .default(1440)
    .describe(
      'How long a VM’s JWT holds. It is renewed at half of it, and no more once the VM is deleted or its host taken out of this file: so long may a stolen one be used.',
    ),
});
export type TokenSettings = z.infer<typeof TokenSettings>;

/** A VM’s own JWT, in the clear: in protected settings, inside a seal, and in files of the VM that only its worker reads. Times are ISO 8601. */
export const TemporalCredential = z.strictObject({
  token: z.string(),
  issued: z.iso.datetime(),
  expires: z.iso.datetime(),
});
export type TemporalCredential = z.infer<typeof TemporalCredential>;

/** Of several the one that was issued last: another key, or a shorter life, may have come since. */
export function newestCredential(
  credentials: readonly (TemporalCredential | undefined)[],
): TemporalCredential | undefined {
  return credentials.reduce(
    (newest, each) => (each && (!newest || each.issued > newest.issued) ? each : newest),
    undefined,
  );
}

/** Whether so much of its life is left that it need not be replaced on a VM that comes up now. */
export const isFresh = (expires: string, { minutes }: TokenSettings, now: Date): boolean =>
  Date.parse(expires) - now.getTime() >= minutes * 30_000;
