import { z } from 'zod';
import type { ImageReader } from './content.ts';

/** OCI distribution specification 1.1: https://github.com/opencontainers/distribution-spec (listing referrers). */

const Referrer = z.object({
  mediaType: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z.int().min(0),
  artifactType: z.string().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});
/** A manifest whose `subject` is the image, as an index lists it. */
export type Referrer = z.infer<typeof Referrer>;

const Index = z.object({ manifests: z.array(Referrer).max(10_000) });

/** The tag under which referrers are listed where the registry does not list them itself. */
export const fallbackTag = (digest: string): string => digest.replace(':', '-');

/** All that says that it belongs to this digest, by the registry's own list or else by the tag's. Nothing of it is verified. */
export async function listReferrers(reader: ImageReader, digest: string): Promise<Referrer[]> {
  const own = await reader.referrers(digest);
  const text = own ?? (await reader.manifest(fallbackTag(digest)))?.content;
  return text === undefined ? [] : readIndex(text);
}

/** An index that is none lists nothing: what is not there is missed by whoever needs it. */
export function readIndex(content: Buffer): Referrer[] {
  try {
    const index = Index.safeParse(JSON.parse(content.toString('utf8')));
    return index.success ? index.data.manifests : [];
  } catch {
    return [];
  }
}
