import { z } from 'zod';
import type { Payload } from '../../services/payload-codec.ts';

/** Protobuf's JSON of Temporal's Payloads: bytes are base64. Whatever else the UI sends is left out. */
const Payloads = z.object({
  payloads: z.array(
    z.object({
      metadata: z.record(z.string(), z.base64()).nullish(),
      data: z.base64().nullish(),
    }),
  ),
});

/** Undefined where it is none. */
export function readPayloads(text: string): Payload[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return Payloads.safeParse(value).data?.payloads.map(({ metadata, data }) => ({
    metadata: mapped(metadata ?? {}, (base64) => Buffer.from(base64, 'base64')),
    data: Buffer.from(data ?? '', 'base64'),
  }));
}

export const writePayloads = (payloads: readonly Payload[]): string =>
  JSON.stringify({
    payloads: payloads.map(({ metadata, data }) => ({
      metadata: mapped(metadata ?? {}, (bytes) => Buffer.from(bytes).toString('base64')),
      data: Buffer.from(data ?? []).toString('base64'),
    })),
  });

const mapped = <A, B>(record: Record<string, A>, change: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
