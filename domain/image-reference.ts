import { z } from 'zod';
import { Sha256 } from './resource-names.ts';

/** A container image by the registry that has it, frozen to one manifest. `reference` is what the job file says. */
export const PlannedImage = z.strictObject({
  reference: z.string(),
  /** HOST or HOST:PORT. */
  registry: z.string(),
  repository: z.string(),
  /** SHA-256 of the manifest for Linux on the VM's processor. */
  digest: Sha256,
});
export type PlannedImage = z.infer<typeof PlannedImage>;

export const REGISTRY_HOST = /^(localhost|[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*)(:\d{1,5})?$/;
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/;

/** The parts of `HOST/REPOSITORY[:TAG][@sha256:…]`, as Docker reads it; undefined for what is none. */
export interface ImageReference {
  readonly registry: string;
  readonly repository: string;
  /** A tag, or a digest where one is stated. */
  readonly reference: string;
}

export function parseImageReference(text: string): ImageReference | undefined {
  const [, name = '', tag = 'latest', digest] =
    /^([^@]+?)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(text) ?? [];
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost';
  const registry = isHost ? first.toLowerCase() : 'docker.io';
  const path = isHost ? name.slice(slash + 1) : name;
  const repository = registry === 'docker.io' && path !== '' && !path.includes('/') ? `library/${path}` : path;
  if (!REGISTRY_HOST.test(registry) || !REPOSITORY.test(repository)) return undefined;
  return { registry, repository, reference: digest ?? tag };
}
