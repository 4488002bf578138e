import { text } from 'node:stream/consumers';
import { openAccount } from '../../services/blob-storage.ts';
import { openCredential } from '../../services/machine-learning/workspace.ts';
import { buildServingImage, type ServingImageRequest } from '../../services/serving-image/build.ts';

/**
 * Builds an image in a process of its own, as on another machine: says its digest. On standard input, what the cloud worker
 * would know: secrets in it are the sandbox's own.
 */
export interface Elsewhere {
  readonly azure: Parameters<typeof openCredential>[0];
  readonly registry: { readonly loginServer: string; readonly audience: string; readonly ca: string };
  readonly release: { readonly endpoint: string; readonly key: string; readonly container: string };
  /** Below which the model's artifacts are. */
  readonly folder: string;
  readonly tool: ServingImageRequest['tool'];
  readonly image: Pick<ServingImageRequest, 'base' | 'repository' | 'tag' | 'model' | 'trainedWith'>;
}

const { azure, registry, release, folder, tool, image } = JSON.parse(await text(process.stdin)) as Elsewhere;
const { endpoint, key, container } = release;
const { digest } = await buildServingImage({
  ...image,
  registry: { ...registry, credential: openCredential(azure) },
  tool,
  models: openAccount({ endpoint, key, ca: registry.ca }).container(container),
  modelPath: (artifact) => `${folder}${artifact}`,
  progress: () => {},
});
process.stdout.write(digest);
