import { z } from 'zod';
import { SecretReference } from './secret.ts';

/** It stands in each payload, readable: a name, and no part of the key. */
export const PayloadKeyId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'a key’s id is letters, digits and . _ -, such as 2026-11');

const current = PayloadKeyId.describe('The key that encrypts. The others only decrypt what was encrypted before.');
const required = z
  .boolean()
  .default(false)
  .describe('Whether a payload that is not encrypted is refused. Off, it is read: histories from before stay usable.');

const CURRENT_KNOWN = { error: 'is none of `keys`', path: ['current'] };

/** `codec` of cloud.yml, site.yml and client.yml. */
export const PayloadCodecSettings = z
  .strictObject({
    keys: z
      .record(PayloadKeyId, SecretReference)
      .describe(
        'Each key by its id: 32 bytes as base64, by reference. One is needed, and an old one while a history uses it.',
      ),
    current,
    required,
  })
  .refine((settings) => Object.hasOwn(settings.keys, settings.current), CURRENT_KNOWN);
export type PayloadCodecSettings = z.infer<typeof PayloadCodecSettings>;

/** The same with the keys themselves: what a VM's worker is given, sealed as all of its configuration. */
export const PayloadKeys = z
  .strictObject({
    keys: z.record(PayloadKeyId, z.base64()),
    current,
    required,
  })
  .refine((keys) => Object.hasOwn(keys.keys, keys.current), CURRENT_KNOWN);
export type PayloadKeys = z.infer<typeof PayloadKeys>;

/**
 * What stands in the place of a payload that is not read, so that whoever gets it can say so: an error inside a codec would
 * leave the workflow task to be tried for ever, and let one old memo end a listing.
 */
export const refusedPayload = (why: string) => ({ refusedPayload: why });

/** Why a payload was not read, where that is what the value says. */
export function refusalOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return undefined;
  const { refusedPayload: why } = value as { refusedPayload?: unknown };
  return typeof why === 'string' ? why : undefined;
}

export const isRefusedPayload = (value: unknown): boolean => refusalOf(value) !== undefined;

/** What a person does about one. */
export const ENCRYPT_IT =
  'Give its sender the keys (`codec` of its file; for the Temporal UI, the codec server), or let `codec.required` be false while there is plaintext.';
