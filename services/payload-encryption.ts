import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { shown } from '../domain/validation.ts';
import { ServiceError } from './errors.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The keys by id, each 32 bytes. */
export type KeyRing = ReadonlyMap<string, Buffer>;

/** @throws ServiceError `PayloadKeyRefused` for what is not base64 of exactly 32 bytes; the text is not repeated */
export function payloadKey(id: string, base64: string): Buffer {
  const key = Buffer.from(base64, 'base64');
  if (key.length === KEY_BYTES && key.toString('base64') === base64.trim()) return key;
  throw new ServiceError({
    class: 'policy',
    type: 'PayloadKeyRefused',
    cause: `codec.keys.${id}: a key is base64 of ${KEY_BYTES} bytes, and this is not.`,
    nextStep: 'Make one with: openssl rand -base64 32',
    retryable: false,
  });
}

/**
 * AES-256-GCM under a random nonce of 96 bits: NONCE ‖ CIPHERTEXT ‖ TAG. Namespace and key id are authenticated, so that what
 * was encrypted in one namespace cannot be replayed in another. One key is good for 2³² payloads (NIST SP 800-38D, 8.3).
 */
export function encrypt(plaintext: Uint8Array, key: Buffer, id: string, namespace: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(id, namespace));
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** @throws ServiceError `PayloadUnreadable`: the key is not here, another one encrypted it, or it was changed */
export function decrypt(data: Uint8Array, keys: KeyRing, id: string, namespace: string): Buffer {
  const key = keys.get(id);
  if (!key) throw unreadable(`It needs the key ${shown(id)}; known here: ${[...keys.keys()].join(', ')}.`);
  if (data.length < NONCE_BYTES + TAG_BYTES) throw unreadable('It was cut off.');
  const decipher = createDecipheriv(CIPHER, key, data.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(id, namespace));
  decipher.setAuthTag(data.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(data.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw unreadable(
      `It was changed, comes from another namespace than ${shown(namespace)}, or was encrypted with another key of the id ${shown(id)}.`,
    );
  }
}

/** As JSON, so that no two pairs have one text. */
const associatedData = (id: string, namespace: string): Buffer =>
  Buffer.from(JSON.stringify(['edge-train payload', 1, namespace, id]));

function unreadable(why: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'PayloadUnreadable',
    cause: `A payload from Temporal cannot be decrypted. ${why}`,
    nextStep:
      'Give `codec.keys` here the key that it names, as the others have it, and restart. Old keys are kept while a history uses them.',
    // Whoever restarts with the key goes on where this stopped.
    retryable: true,
  });
}
