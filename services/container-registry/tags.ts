import { toServiceError } from '../errors.ts';
import { registryClient } from './client.ts';
import { sessionReader } from './content.ts';
import { RegistrySession, type Registry } from './session.ts';

/**
 * Lets a tag name the image that another tag names: the same manifest, byte for byte. Undefined where there is no such image.
 * A tag that names it already is not written. Unlike a version's tag, it may have named something else.
 */
export async function moveTag(
  registry: Registry,
  repository: string,
  { tag, to }: { readonly tag: string; readonly to: string },
): Promise<{ digest: string; moved: boolean } | undefined> {
  const session = new RegistrySession(registry);
  const reader = sessionReader(session, repository);
  const wanted = await reader.manifest(to);
  if (!wanted) return undefined;
  const { digest, mediaType, content } = wanted;
  if ((await reader.manifest(tag))?.digest === digest) return { digest, moved: false };
  await session.send({
    method: 'PUT',
    target: `/v2/${repository}/manifests/${tag}`,
    headers: { 'content-type': mediaType },
    body: content,
    accept: [201],
  });
  return { digest, moved: true };
}

/**
 * The tag alone, never what it names, and only where that is what one of `names` names: in a repository that models share it may be
 * another's. Absent is fine. Needs the right to delete (`AcrDelete`).
 */
export async function removeTag(
  registry: Registry,
  repository: string,
  { tag, names }: { readonly tag: string; readonly names: readonly string[] },
): Promise<void> {
  const reader = sessionReader(new RegistrySession(registry), repository);
  const named = await reader.manifest(tag);
  if (!named) return;
  let isOurs = false;
  for (const name of names) isOurs ||= (await reader.manifest(name))?.digest === named.digest;
  if (!isOurs) return;
  try {
    const abort = registry.abortSignal ? { abortSignal: registry.abortSignal } : {};
    await registryClient(registry).getArtifact(repository, tag).deleteTag(tag, abort);
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return;
    throw toServiceError(error, `removing the tag ${repository}:${tag} of ${registry.loginServer}`);
  }
}
