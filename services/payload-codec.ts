import protobuf from 'protobufjs';
import { refusedPayload, type PayloadCodecSettings, type PayloadKeys } from '../domain/payload-codec.ts';
import { decrypt, encrypt, payloadKey, type KeyRing } from './payload-encryption.ts';
import { ServiceError } from './errors.ts';
import type { Secrets } from './secrets.ts';

/** `temporal.api.common.v1.Payload`, as the SDK has it. */
export interface Payload {
  metadata?: Record<string, Uint8Array> | null;
  data?: Uint8Array | null;
}

/** What the SDK calls a PayloadCodec: workers, clients and the codec server have the same one. */
export interface PayloadCodec {
  encode(payloads: Payload[]): Promise<Payload[]>;
  decode(payloads: Payload[]): Promise<Payload[]>;
}

/** As Temporal's own samples name them, for tools that look. */
const ENCRYPTED = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';
const CIPHER = { 'encryption-cipher': 'AES-256-GCM' };

/** The wire form of a payload is what is encrypted, metadata and all. */
const wire = new protobuf.Type('Payload')
  .add(new protobuf.MapField('metadata', 1, 'string', 'bytes'))
  .add(new protobuf.Field('data', 2, 'bytes'));

/** The references of `codec` resolved. @throws ServiceError where one is no key, or cannot be had */
export async function readPayloadKeys(settings: PayloadCodecSettings, secrets: Secrets): Promise<PayloadKeys> {
  const keys = Object.entries(settings.keys).map(async ([id, reference]) => {
    const text = (await secrets.resolve(reference)).trim();
    payloadKey(id, text);
    return [id, text] as const;
  });
  return { ...settings, keys: Object.fromEntries(await Promise.all(keys)) };
}

/** What `doctor` says of `codec`, after the keys were had. @throws ServiceError where one is no key, or cannot be had */
export async function tryPayloadKeys(settings: PayloadCodecSettings | undefined, secrets: Secrets) {
  if (!settings)
    return {
      detail: 'off: what is in Temporal is as readable as its database',
      advice: 'Name keys under `codec` in cloud.yml, site.yml and client.yml: docs/operations.md says how.',
    };
  const { current, required } = await readPayloadKeys(settings, secrets);
  const others = Object.keys(settings.keys).filter((id) => id !== current);
  const reads = others.length > 0 ? `, reads ${others.join(', ')} too` : '';
  return {
    detail: `on, AES-256-GCM with the key ${current}${reads}; plaintext is ${required ? 'refused' : 'read'}`,
    ...(required ? {} : { advice: 'Set `codec.required` when no open run began without encryption.' }),
  };
}

/**
 * Every payload is encrypted with the current key; one that is encrypted already stays as it is. A plaintext payload is decoded
 * to a `refusedPayload` where plaintext is refused, and so is, with `lenient`, one that cannot be decrypted: a command that
 * lists runs goes on. @throws ServiceError `PayloadUnreadable` from `decode`, unless `lenient`: a worker tries again
 */
export function createPayloadCodec(
  { keys, current, required }: PayloadKeys,
  namespace: string,
  { lenient = false } = {},
): PayloadCodec {
  const ring: KeyRing = new Map(Object.entries(keys).map(([id, key]) => [id, payloadKey(id, key)]));
  const key = payloadKey(current, keys[current] ?? '');
  const encode = (payload: Payload): Payload =>
    isEncrypted(payload)
      ? payload
      : {
          metadata: metadata({ encoding: ENCRYPTED, ...CIPHER, [KEY_ID]: current }),
          data: encrypt(wire.encode(payload as protobuf.Message).finish(), key, current, namespace),
        };
  const decode = (payload: Payload): Payload => {
    if (!isEncrypted(payload)) return required ? refused(PLAINTEXT) : payload;
    const plaintext = decrypt(payload.data ?? new Uint8Array(), ring, metadataText(payload, KEY_ID), namespace);
    const { metadata = {}, data = new Uint8Array() } = wire.toObject(wire.decode(plaintext)) as Payload;
    return { metadata, data };
  };
  return {
    encode: async (payloads) => payloads.map(encode),
    decode: async (payloads) => payloads.map(lenient ? attempt(decode) : decode),
  };
}

export const isEncrypted = (payload: Payload): boolean => metadataText(payload, 'encoding') === ENCRYPTED;

const PLAINTEXT = 'it is not encrypted, and plaintext is refused here (codec.required)';

function attempt(decode: (payload: Payload) => Payload): (payload: Payload) => Payload {
  return (payload) => {
    try {
      return decode(payload);
    } catch (error) {
      if (error instanceof ServiceError) return refused(error.message);
      throw error;
    }
  };
}

function refused(why: string): Payload {
  return { metadata: metadata({ encoding: 'json/plain' }), data: Buffer.from(JSON.stringify(refusedPayload(why))) };
}

const metadata = (texts: Record<string, string>): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)]));

const metadataText = ({ metadata }: Payload, name: string): string => Buffer.from(metadata?.[name] ?? []).toString();
