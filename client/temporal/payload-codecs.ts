import type { ClientFile } from '../../domain/client-file.ts';
import type { Failure } from '../../domain/failure.ts';
import { refusalOf, type PayloadCodecSettings } from '../../domain/payload-codec.ts';
import { createPayloadCodec, readPayloadKeys, type PayloadCodec } from '../../services/payload-codec.ts';
import { createSecrets } from '../../services/secrets.ts';
import { failed } from '../command-error.ts';
import { readClientFile } from '../config/client-file.ts';

/** How this user writes and reads payloads: none where client.yml has no `codec`. @throws CommandError exit 2; ServiceError */
export async function payloadCodecs(
  configFolder: string,
  site: string | undefined,
  namespace: string,
): Promise<PayloadCodec[]> {
  const settings = codecSettings(await readClientFile(configFolder), site);
  if (!settings) return [];
  const keys = await readPayloadKeys(settings, createSecrets({ environment: process.env }));
  return [createPayloadCodec(keys, namespace, { lenient: true })];
}

/** The site's own, where it has keys of its own. */
export function codecSettings(file: ClientFile, site: string | undefined): PayloadCodecSettings | undefined {
  const own = site !== undefined && Object.hasOwn(file.sites, site) ? file.sites[site]?.codec : undefined;
  return own ?? file.codec;
}

/** The value, unless the codec could or would not read it. @throws CommandError exit 1 */
export function requireReadable<T>(value: T, what: string): T {
  const why = refusalOf(value);
  if (why === undefined) return value;
  throw failed(unreadable(what, why));
}

export const unreadable = (what: string, why: string): Failure => ({
  class: 'policy',
  type: 'PayloadUnreadable',
  cause: `${what} cannot be read: ${why}`,
  nextStep: 'Compare `codec` of client.yml with what the workers have: keys, the old ones too, and `required`.',
});
