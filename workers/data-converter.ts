import path from 'node:path';
import type { DataConverter } from '@temporalio/common';
import type { PayloadCodecSettings } from '../domain/payload-codec.ts';
import { createPayloadCodec, readPayloadKeys } from '../services/payload-codec.ts';
import type { Secrets } from '../services/secrets.ts';
import type { PayloadKeys } from '../domain/payload-codec.ts';

/** Asked for only where it is needed: in a VM's one file there is no such folder. */
const failureConverter = () => path.join(import.meta.dirname, '../workflows/failure-converter.ts');

/**
 * How a worker writes and reads payloads; undefined, as JSON, where its file has no `codec`. The keys are read here, once: a
 * worker that cannot have them does not start. @throws ServiceError
 */
export async function dataConverterOf(
  settings: PayloadCodecSettings | undefined,
  secrets: Secrets,
  namespace: string,
): Promise<DataConverter | undefined> {
  return settings && dataConverter(await readPayloadKeys(settings, secrets), namespace);
}

/** @param failureConverterPath of a file that can be required, with `failureConverter` in it */
export function dataConverter(
  keys: PayloadKeys,
  namespace: string,
  failureConverterPath = failureConverter(),
): DataConverter {
  return { payloadCodecs: [createPayloadCodec(keys, namespace)], failureConverterPath };
}
