import pMap from 'p-map';
import { z } from 'zod';
import type { StoredImage } from '../../domain/registry-cleaning.ts';
import { toServiceError } from '../errors.ts';
import { registryClient } from './client.ts';
import { sessionReader } from './content.ts';
import { RegistrySession, type Registry } from './session.ts';

const AT_ONCE = 4;

const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const Descriptor = z.object({ digest: Digest, size: z.int().min(0) });
/** What of an OCI manifest or index is looked at; what is no such thing says nothing. */
const Manifest = z.object({
  config: Descriptor.optional(),
  layers: z.array(Descriptor).default([]),
  manifests: z.array(Descriptor).default([]),
  subject: Descriptor.optional(),
  annotations: z.record(z.string(), z.string()).default({}),
});

/** Everything that a repository holds; none where there is no such repository. `isOurs`: by an image's annotations. */
export async function readRepository(
  registry: Registry,
  repository: string,
  isOurs: (annotations: Readonly<Record<string, string>>) => boolean,
  progress: () => void,
): Promise<StoredImage[]> {
  const reader = sessionReader(new RegistrySession(registry), repository);
  const read = async ({ digest, tags, at }: Listed): Promise<StoredImage[]> => {
    progress();
    const stored = await reader.manifest(digest);
    if (!stored) return [];
    const parsed = Manifest.safeParse(json(stored.content));
    const { config, layers, manifests, subject, annotations } = parsed.data ?? Manifest.parse({});
    const of = subject?.digest ?? listedFor(tags);
    return [
      {
        ...{ digest, tags, at, manifests: manifests.map((each) => each.digest), isOurs: isOurs(annotations) },
        ...(of === undefined ? {} : { subject: of }),
        blobs: [{ digest, size: stored.content.length }, ...(config ? [config] : []), ...layers],
      },
    ];
  };
  return (await pMap(await list(registry, repository), read, { concurrency: AT_ONCE })).flat();
}

/**
 * Removes a manifest by its digest, with its tags; absent is fine. False, and nothing is removed, where it has other tags by now or
 * was written to since: a run may have pushed the same content. Needs the right to delete (`AcrDelete`).
 */
export async function removeManifest(
  registry: Registry,
  repository: string,
  { digest, tags, at }: Listed,
): Promise<boolean> {
  const artifact = registryClient(registry).getArtifact(repository, digest);
  const abort = registry.abortSignal ? { abortSignal: registry.abortSignal } : {};
  try {
    const now = await artifact.getManifestProperties(abort);
    const isSame = now.lastUpdatedOn.toISOString() === at && now.tags.length === tags.length;
    if (!isSame || now.tags.some((tag) => !tags.includes(tag))) return false;
    await artifact.delete(abort);
    return true;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return true;
    throw toServiceError(error, `removing ${repository}@${digest} of ${registry.loginServer}`);
  }
}

type Listed = Pick<StoredImage, 'digest' | 'tags' | 'at'>;

async function list(registry: Registry, repository: string): Promise<Listed[]> {
  const found: Listed[] = [];
  const abort = registry.abortSignal ? { abortSignal: registry.abortSignal } : {};
  try {
    const pages = registryClient(registry).getRepository(repository).listManifestProperties(abort);
    for await (const { digest, tags, lastUpdatedOn } of pages)
      found.push({ digest, tags: [...tags], at: lastUpdatedOn.toISOString() });
    return found;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return [];
    throw toServiceError(error, `listing ${repository} of ${registry.loginServer}`);
  }
}

/** `sha256-HEX`, under which a registry without the referrers API keeps the list of what is attached to an image. */
const listedFor = (tags: readonly string[]): string | undefined =>
  tags.length > 0 && tags.every((tag) => /^sha256-[0-9a-f]{64}$/.test(tag)) ? tags[0]?.replace('-', ':') : undefined;

function json(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'));
  } catch {
    return undefined;
  }
}
