import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PreparedEnvironment } from '../../domain/completed-job.ts';
import type { SealedGrant } from '../../domain/grant.ts';
import type { PlannedImage } from '../../domain/image-reference.ts';
import { pullBlob, pullContent, pullManifest } from '../../services/container-registry/pull-image.ts';
import type { PullSource } from '../../services/container-registry/pull.ts';
import { ServiceError } from '../../services/errors.ts';
import {
  MAX_CONFIG,
  readConfig,
  readManifest,
  serverOf,
  variablesOf,
  type PulledImage,
} from '../../services/oci-image/image-manifest.ts';
import { ImageRefused } from '../../services/oci-image/image-refused.ts';
import { ImageTree } from '../../services/oci-image/image-tree.ts';
import { unpackLayer } from '../../services/oci-image/unpack-layer.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { holds } from './fetch-file.ts';
import { hasMlflowWithin } from './image-mlflow.ts';
import { openGrant } from './grants.ts';
import { IMAGE_FILE, LOCK } from './job-place.ts';
import { readPolicy } from './policy.ts';
import { writeWhole } from './write-whole.ts';

/** No image of use has more; each takes an inode. */
const MAX_NAMES = 2_000_000;

/**
 * Pulls an image through the uplink and unpacks it: manifest, config and layers by their digests, each layer whole on disk before
 * a byte of it is read as a tar. Layers that are there already are not pulled again. Then the tree is sealed.
 */
export async function pullImage(
  edge: EdgeDependencies,
  image: PlannedImage,
  folder: string,
  grants: readonly SealedGrant[],
): Promise<PreparedEnvironment> {
  const source = await openSource(edge, image, grants);
  try {
    const manifest = await pullManifest(source, `sha256:${image.digest}`);
    const read = manifest && readManifest(manifest.content);
    if (!manifest || !read || !('image' in read)) throw new ImageRefused('the registry no longer has it');
    const config = readConfig(await pullContent(source, read.image.config, MAX_CONFIG), read.image);
    await pullLayers(source, read.image, folder);
    await unpack(edge, folder, read.image, config.rootfs.diff_ids);
    const mlflow = await hasMlflowWithin(join(folder, 'tree'));
    const about = { variables: variablesOf(config), mlflow, ...serverOf(config) };
    await writeWhole(join(folder, IMAGE_FILE), JSON.stringify(about));
    await writeWhole(join(folder, LOCK), manifest.content);
  } catch (error) {
    throw error instanceof ImageRefused ? unusable(image, error.message) : error;
  }
  await rm(layersOf(folder), { recursive: true });
  await edge.launcher.seal(image.digest);
  return { digest: image.digest, lock: image.digest, packages: [], cached: false };
}

/** By the grant, and not by the plan: what the site worker lets this VM pull is what is pulled. */
export async function openSource(
  edge: EdgeDependencies,
  image: PlannedImage,
  grants: readonly SealedGrant[],
): Promise<PullSource> {
  const { registry, repository, digest, authorization } = await openGrant('image', grants, edge.machineKey);
  if (digest !== image.digest) throw notGranted(image);
  return { registry, repository, uplink: edge.uplink, ca: edge.ca, authorization };
}

async function pullLayers(source: PullSource, { layers }: PulledImage, folder: string): Promise<void> {
  await mkdir(layersOf(folder), { recursive: true });
  for (const { digest, size } of layers) {
    const path = layerPath(folder, digest);
    if (!(await holds(path, { bytes: size, sha256: digest.slice('sha256:'.length) }))) {
      await pullBlob(source, { digest, size }, path);
    }
  }
}

async function unpack(
  edge: EdgeDependencies,
  folder: string,
  { layers }: PulledImage,
  diffIds: readonly string[],
): Promise<void> {
  const root = join(folder, 'tree');
  await rm(root, { recursive: true, force: true });
  await mkdir(root);
  const { maxImageBytes } = await readPolicy(edge);
  const tree = new ImageTree(root, { bytes: maxImageBytes, entries: MAX_NAMES });
  for (const [index, { digest }] of layers.entries()) {
    await unpackLayer(layerPath(folder, digest), tree, { diffId: diffIds[index] ?? '', maxBytes: 2 * maxImageBytes });
  }
  if (!tree.find('/bin/bash')?.isFile())
    throw new ImageRefused('it has no /bin/bash, by which Azure ML’s commands run');
}

const layersOf = (folder: string): string => join(folder, 'layers');
const layerPath = (folder: string, digest: string): string => join(layersOf(folder), digest.slice('sha256:'.length));

function unusable({ reference }: PlannedImage, why: string): ServiceError {
  return new ServiceError({
    class: 'input',
    type: 'ImageUnusable',
    cause: `The image ${reference} cannot be used: ${why}.`,
    nextStep: 'Name another image, or build this one anew; site.yml (limits) says how large one may be.',
    retryable: false,
  });
}

function notGranted({ reference }: PlannedImage): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'ImageNotGranted',
    cause: `The site granted this VM another image than ${reference}.`,
    nextStep: 'Start the run again. If this comes back, find out who changed the workflow’s state.',
    retryable: false,
  });
}
