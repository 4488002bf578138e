import { parseImageReference, type ImageReference } from '../../../domain/image-reference.ts';
import type { JobEnvironment } from '../../../domain/command-job.ts';
import { knownImage } from '../../../domain/known-images.ts';
import type { EnvironmentPlan } from '../../../domain/environment.ts';
import type { Registry } from '../../../domain/registry.ts';
import { bytesText } from '../../../domain/amount-text.ts';
import { shown, type Issue } from '../../../domain/validation.ts';
import { pullContent, pullManifest } from '../../../services/container-registry/pull-image.ts';
import type { PullSource } from '../../../services/container-registry/pull.ts';
import { MAX_CONFIG, readConfig, readManifest, type PulledImage } from '../../../services/oci-image/image-manifest.ts';
import { ImageRefused } from '../../../services/oci-image/image-refused.ts';
import type { Step } from '../dependencies.ts';
import { openRegistry } from '../registry-access.ts';
import type { Choice } from '../plan-training.ts';
import type { SiteSession } from '../site-session.ts';

const PATH = 'job.environment.image';
const UPON_AN_IMAGE =
  'nothing is installed upon a registry’s image: put the packages into the image, or leave the image out';

/**
 * The image of a registry of the site's, as it is; undefined where the job asks for none. The site's own word for an image
 * comes before it; what is known of Azure's and Docker's own comes after it, but with a conda file is only what lies below.
 */
export async function chooseImage(
  session: SiteSession,
  step: Step,
  asked: JobEnvironment,
): Promise<Choice<EnvironmentPlan> | undefined> {
  if (typeof asked === 'string' || asked.image === undefined) return undefined;
  const { image, conda_file } = asked;
  const found = Object.hasOwn(session.site.environments, image.toLowerCase()) ? undefined : registryOf(session, image);
  if (!found) return undefined;
  if (conda_file !== undefined) {
    return knownImage(image) ? undefined : { issues: [{ path: 'job.environment.conda_file', rule: UPON_AN_IMAGE }] };
  }
  const planned = await planImage(session, step, image, found);
  return 'rule' in planned ? { issues: [planned] } : { value: planned, issues: [] };
}

/** The registry of the site that has such an image; undefined where none does. */
export function registryOf(
  { site }: Pick<SiteSession, 'site'>,
  image: string,
): { registry: Registry; asked: ImageReference } | undefined {
  const asked = parseImageReference(image);
  const registry = asked && site.registries.find(({ host }) => host === asked.registry);
  return asked && registry ? { registry, asked } : undefined;
}

/**
 * The image as the registry has it now, frozen to the manifest for the VMs' processor: a tag that is moved later changes
 * nothing. What cannot be used is told by its path. @throws ServiceError where the registry cannot be asked
 */
async function planImage(
  session: SiteSession,
  step: Step,
  image: string,
  { registry, asked }: { registry: Registry; asked: ImageReference },
): Promise<EnvironmentPlan | Issue> {
  const issue = (rule: string): Issue => ({ path: PATH, rule, value: shown(image) });
  const { repository } = asked;
  const { repositories } = registry;
  if (repositories && !repositories.some((prefix) => repository.startsWith(prefix))) {
    return issue(`this site takes from ${registry.host} only ${repositories.join(', ')} (registries in site.yml)`);
  }
  try {
    const { source } = await openRegistry(session, step, registry, repository);
    const found = await pullManifest(source, asked.reference);
    if (!found) return issue(`the registry ${registry.host} has no such image`);
    const { digest, manifest } = await theImage(source, found);
    requireRoom(manifest, session.site.limits.maxImageBytes);
    readConfig(await pullContent(source, manifest.config, MAX_CONFIG), manifest);
    const hex = digest.slice('sha256:'.length);
    return {
      name: image,
      requirements: [],
      digest: hex,
      image: { reference: image, registry: registry.host, repository, digest: hex },
    };
  } catch (error) {
    if (error instanceof ImageRefused) return issue(error.message);
    throw error;
  }
}

async function theImage(
  source: PullSource,
  found: { digest: string; content: Buffer },
): Promise<{ digest: string; manifest: PulledImage }> {
  const read = readManifest(found.content);
  if ('image' in read) return { digest: found.digest, manifest: read.image };
  const fitting = await pullManifest(source, read.digest);
  const inner = fitting && readManifest(fitting.content);
  if (!fitting || !inner || !('image' in inner)) throw new ImageRefused('its index names an image that is not there');
  return { digest: fitting.digest, manifest: inner.image };
}

function requireRoom({ layers }: PulledImage, most: number): void {
  const bytes = layers.reduce((sum, { size }) => sum + size, 0);
  if (bytes > most)
    throw new ImageRefused(`it has ${bytesText(bytes)}, and this site allows ${bytesText(most)} unpacked`);
}
