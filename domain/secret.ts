import { z } from 'zod';

/** A secret is named, never written: `env:NAME`, `file:/absolute/path`, or `keyvault:https://VAULT/secrets/NAME`. */
export const SecretReference = z
  .string()
  .regex(
    /^(env:[A-Za-z_][A-Za-z0-9_]*|file:\/.+|keyvault:https:\/\/[^@\s]+\/secrets\/[^\s]+)$/,
    'a secret is given by reference: env:NAME, file:/absolute/path or keyvault:https://VAULT/secrets/NAME',
  );
export type SecretReference = z.infer<typeof SecretReference>;

/** An endpoint of ours to call: https, no user information, no query. */
export const HttpsUrl = z.string().refine(isPlainHttps, 'an https URL without user name, query or fragment');

function isPlainHttps(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === 'https:' && !url.username && !url.password && !url.search && !url.hash;
}
