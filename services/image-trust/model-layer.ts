import { createHash, type Hash } from 'node:crypto';
import { z } from 'zod';
import type { Artifact } from '../../domain/release.ts';
import type { ImageReader, StoredManifest } from '../container-registry/content.ts';
import { ImageRefused } from '../oci-image/image-refused.ts';
import { TarReader, type TarEntry, type TarHandler } from '../oci-image/tar-reader.ts';
import { LAYER_TYPE } from '../oci-image/image.ts';
import { MODEL_FOLDER } from '../serving-image/model-layer.ts';
import { imageNotTrusted } from './image-refused.ts';

const Manifest = z.object({ layers: z.array(z.object({ mediaType: z.string(), digest: z.string() })).min(1) });

/**
 * Whether the image's last layer holds exactly these files below the model's folder, and nothing else: the bytes that are
 * served are those that left the site. @throws ServiceError `ImageModelDiffers` (policy)
 */
export async function verifyModelLayer(
  reader: ImageReader,
  stored: StoredManifest,
  artifacts: readonly Artifact[],
  image: string,
): Promise<void> {
  const no = (why: string) => imageNotTrusted('ImageModelDiffers', image, why);
  const manifest = Manifest.safeParse(JSON.parse(stored.content.toString('utf8')));
  const layer = manifest.data?.layers.at(-1);
  if (layer?.mediaType !== LAYER_TYPE) throw no('its last layer is no plain tar');
  const { digest, files, others } = await hashFiles(reader.stream(layer.digest)).catch((error: unknown) => {
    if (error instanceof ImageRefused) throw no(error.message);
    throw error;
  });
  if (digest !== layer.digest) throw no('its last layer was changed');
  if (others > 0) throw no('its last layer holds more than files of the model');
  const wrong = artifacts.filter(({ path, sha256 }) => files.get(`${MODEL_FOLDER}/${path}`) !== sha256).length;
  if (wrong > 0) throw no(`${wrong} of ${artifacts.length} files of the model are other ones, or missing`);
  if (files.size !== artifacts.length) throw no(`${files.size - artifacts.length} files in it never left the site`);
}

async function hashFiles(bytes: AsyncIterable<Buffer>) {
  const whole = createHash('sha256');
  const hasher = new FileHasher();
  const reader = new TarReader(hasher);
  for await (const chunk of bytes) {
    whole.update(chunk);
    reader.push(chunk);
  }
  reader.end();
  return { digest: `sha256:${whole.digest('hex')}`, files: hasher.files, others: hasher.others };
}

class FileHasher implements TarHandler {
  readonly files = new Map<string, string>();
  /** Links, devices, names that come twice. */
  others = 0;
  #path = '';
  #hash: Hash | undefined;

  entry({ type, path }: TarEntry): void {
    this.#hash = undefined;
    if (type === 'folder') return;
    if (type !== 'file' || this.files.has(path)) {
      this.others += 1;
      return;
    }
    this.#path = path;
    this.#hash = createHash('sha256');
  }

  data(bytes: Buffer): void {
    this.#hash?.update(bytes);
  }

  done(): void {
    if (this.#hash) this.files.set(this.#path, this.#hash.digest('hex'));
  }
}
