import { ContainerRegistryContentClient, KnownManifestMediaType } from '@azure/container-registry';
import { createHash } from 'node:crypto';
import { ServiceError, toServiceError } from '../errors.ts';
import { sessionReader } from './content.ts';
import { RegistrySession, type Registry } from './session.ts';

export interface FoundManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly manifest: unknown;
}

/** The manifest under a tag or digest; undefined where there is none. Its digest is checked by the SDK. */
export async function findManifest(
  registry: Registry,
  repository: string,
  reference: string,
): Promise<FoundManifest | undefined> {
  try {
    const { digest, mediaType, manifest } = await contentClient(registry, repository).getManifest(
      reference,
      abort(registry),
    );
    return { digest, mediaType, manifest };
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw toServiceError(error, `reading the manifest ${repository}:${reference} of ${registry.loginServer}`);
  }
}

/**
 * Puts a manifest under a tag that names this one content for ever: there already is fine, another digest there is a
 * refusal. @throws ServiceError `TagTaken`
 */
export async function putManifest(
  registry: Registry,
  { repository, tag, content }: { repository: string; tag: string; content: Buffer },
  session = new RegistrySession(registry),
): Promise<{ digest: string; sent: boolean }> {
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  const there = await sessionReader(session, repository).manifest(tag);
  if (there?.digest === digest) return { digest, sent: false };
  if (there) throw tagTaken(registry, `${repository}:${tag}`, there.digest, digest);
  try {
    await contentClient(registry, repository).setManifest(content, {
      tag,
      mediaType: KnownManifestMediaType.OciImageManifest,
      ...abort(registry),
    });
  } catch (error) {
    throw toServiceError(error, `putting the manifest ${repository}:${tag} to ${registry.loginServer}`);
  }
  return { digest, sent: true };
}

/** The official client, for authentication and manifests; it has no HEAD and no mount, which `RegistrySession` adds. */
function contentClient(registry: Registry, repository: string): ContainerRegistryContentClient {
  return new ContainerRegistryContentClient(
    `https://${registry.loginServer}`,
    repository,
    // The constructor's type wants a credential; without one the client is anonymous.
    registry.credential as NonNullable<Registry['credential']>,
    {
      audience: registry.audience as never,
      retryOptions: { maxRetries: 0 },
      ...(registry.ca === undefined ? {} : { tlsOptions: { ca: registry.ca } }),
    },
  );
}

const abort = ({ abortSignal }: Registry) => (abortSignal ? { abortSignal } : {});

function tagTaken(registry: Registry, name: string, there: string, ours: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'TagTaken',
    cause: `${registry.loginServer}/${name} is ${there} already, and this image is ${ours}; a version’s tag is never moved.`,
    nextStep: 'Name another repository for this model, or remove that tag if it is not an image of this model version.',
    retryable: false,
  });
}
