import type { ContainerClient } from '@azure/storage-blob';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { readText } from '../blob-storage.ts';
import { ensureBlob, hasBlob, mountBlob, readBlob, uploadBlob, type BlobSource } from '../container-registry/blobs.ts';
import { putManifest } from '../container-registry/manifests.ts';
import { RegistrySession, type Registry } from '../container-registry/session.ts';
import { once, PYTHON_LABEL, readBaseImage, type BaseImage } from '../oci-image/base-image.ts';
import { assembleImage } from '../oci-image/image.ts';
import { watchPackages, type LayerPackages } from '../oci-image/layer-packages.ts';
import { writeTar, type TarFile } from '../oci-image/tar.ts';
import type { PackageTool, PythonPlatform } from '../python-environment.ts';
import { readVerified } from '../verified-blob.ts';
import type { Artifact } from '../../domain/release.ts';
import { PACKAGES } from './environment-layer.ts';
import { rememberPackages } from './image-packages.ts';
import { ensureLayers, ensureText, type LayerPlace, type WantedLayer } from './layer-memo.ts';
import { MODEL_FOLDER, modelFiles } from './model-layer.ts';
import { below, findServedModel, readRequirements, readSignature, type ServedModel } from './mlflow-model.ts';
import { describeService } from './openapi.ts';
import { lockPackages, packagesKey, withPackages } from './packages.ts';

/** SHA-256 of the lock of the image's Python packages, as a label on it. */
export const LOCK_LABEL = 'dev.edge-train.packages';

export interface ServingImageRequest {
  readonly registry: Registry;
  /** `REPOSITORY@sha256:…` in that registry. */
  readonly base: string;
  readonly repository: string;
  readonly tag: string;
  readonly tool: PackageTool;
  /** The container that holds the model, and the path below which its artifacts are. */
  readonly models: ContainerClient;
  readonly modelPath: (artifact: string) => string;
  readonly model: { readonly name: string; readonly release: string; readonly artifacts: readonly Artifact[] };
  /** `name==version` of the training environment. */
  readonly trainedWith: readonly string[];
  readonly progress: () => void;
}

/**
 * base + environment + score.py + model, put together without Docker. Nothing in it says when or for which version it was
 * made: the same content is the same digest, and what the registry has is not sent again.
 */
export async function buildServingImage(
  request: ServingImageRequest,
): Promise<{ digest: string; uploadedBytes: number }> {
  const { registry, repository, model, progress } = request;
  const session = new RegistrySession(registry);
  const place: LayerPlace = { session, repository, memos: request.models, progress };
  const served = findServedModel(model.artifacts);
  const base = await readBaseImage(registry, request.base, session);
  const target = platformOf(base);

  const carried = await bringBase(session, repository, base, progress);
  const [environment, script] = await Promise.all([
    environmentLayer(request, served, target),
    scriptLayer(request, served),
  ]);
  const layers = await ensureLayers(place, [environment, script, modelLayer(request)]);

  const image = assembleImage({
    base,
    platform: { os: base.config.os, architecture: base.config.architecture },
    layers,
    config: runtimeConfig(request, served, environment.lock),
    annotations: { 'org.opencontainers.image.title': model.name, 'org.opencontainers.image.base.digest': base.digest },
  });
  const config = await ensureBlob(session, repository, image.config);
  const manifest = { repository, tag: request.tag, content: image.manifest };
  const { digest, sent } = await putManifest(registry, manifest, session);
  const uploaded = layers.reduce((sum, layer) => sum + layer.sent, carried + config.sent);
  return { digest, uploadedBytes: uploaded + (sent ? image.manifest.length : 0) };
}

/** The base's layers are the registry's already: they are mounted, or copied where it does not mount. */
async function bringBase(
  session: RegistrySession,
  repository: string,
  base: BaseImage,
  progress: () => void,
): Promise<number> {
  const digests = base.manifest.layers.map(({ digest }) => digest);
  const there = await Promise.all(digests.map((digest) => hasBlob(session, repository, digest)));
  let sent = 0;
  for (const digest of digests.filter((_, i) => !there[i])) {
    if (await mountBlob(session, repository, { digest, from: base.repository })) continue;
    const source = () => readBlob(session, base.repository, digest);
    sent += (await uploadBlob(session, repository, source, { progress })).size;
  }
  return sent;
}

async function environmentLayer(
  { tool, models, modelPath, trainedWith }: ServingImageRequest,
  served: ServedModel,
  target: PythonPlatform,
): Promise<WantedLayer & { lock: string }> {
  const text = served.requirements === undefined ? '' : await readText(models, modelPath(served.requirements), 2 ** 20);
  const request = { requirements: readRequirements(text ?? ''), trainedWith, target };
  const lock = await ensureText(models, `images/locks/${packagesKey(request)}.txt`, () => lockPackages(tool, request));
  const digest = sha256(lock);
  const key = `environment-${sha256(JSON.stringify([1, digest, target]))}`;
  const withSource: WantedLayer['withSource'] = async (send) => {
    let found: LayerPackages | undefined;
    const watched = (source: BlobSource) => watchPackages(source, (packages) => (found = packages));
    const layer = await withPackages(tool, { lock, target }, (source) => send(watched(source)));
    if (found) await rememberPackages(models, layer.digest, found);
    return layer;
  };
  return { key, createdBy: `edge-train: packages of lock ${digest}`, lock: digest, withSource };
}

/** The entry script of MLflow models with the service's description, and what each service's server logs and how. */
async function scriptLayer(request: ServingImageRequest, served: ServedModel): Promise<WantedLayer> {
  const scripts = await Promise.all(
    SCRIPTS.map(async (name) => ({ name, content: await readFile(join(import.meta.dirname, name)) })),
  );
  const contents = [...scripts, ...(await descriptions(request, served))];
  const files = contents.map(({ name, content }): TarFile => ({
    path: `${HOME}/${name}`,
    bytes: content.length,
    open: once(content),
  }));
  const key = sha256(JSON.stringify(contents.map(({ name, content }) => [name, sha256(content)])));
  return {
    ...{ key: `score-${key}`, createdBy: 'edge-train: entry script' },
    withSource: (send) => send(() => writeTar(files)),
  };
}

/** Of an own score.py the server tells what the script itself declares. */
async function descriptions(
  { models, modelPath, model }: ServingImageRequest,
  { root, loader }: ServedModel,
): Promise<{ name: string; content: Buffer }[]> {
  const stated = model.artifacts.find(({ path }) => path === below(root, 'MLmodel'));
  if (loader !== 'mlflow' || !stated) return [];
  const text = await buffer(readVerified(models.getBlockBlobClient(modelPath(stated.path)), stated));
  const described = describeService(model.name, readSignature(text.toString('utf8')));
  return described.map(({ file, content }) => ({ name: file, content: Buffer.from(content) }));
}

function modelLayer({ models, modelPath, model }: ServingImageRequest): WantedLayer {
  const files = modelFiles(models, modelPath, model.artifacts);
  return {
    key: `model-${sha256(JSON.stringify([MODEL_FOLDER, model.release]))}`,
    createdBy: `edge-train: model ${model.name}, release ${model.release}`,
    withSource: (send) => send(() => writeTar(files)),
  };
}

function runtimeConfig({ model }: ServingImageRequest, served: ServedModel, lock: string) {
  const directory = below(`/${MODEL_FOLDER}`, served.root).replace(/\/$/, '');
  const script = served.loader === 'mlflow' ? `/${HOME}/score.py` : `${directory}/score.py`;
  return {
    User: '65532:65532',
    WorkingDir: `/${HOME}`,
    ExposedPorts: { '5001/tcp': {} },
    Entrypoint: ['python3', '-m', 'azureml_inference_server_http', '--entry_script', script, '--port', '5001'],
    Cmd: [],
    Env: [
      `PYTHONPATH=/${PACKAGES}`,
      'PYTHONDONTWRITEBYTECODE=1',
      'PYTHONUNBUFFERED=1',
      `AZUREML_MODEL_DIR=${directory}`,
      `AML_APP_ROOT=/${HOME}`,
      // Nothing of ours phones home; the Azure exporter would try.
      'AML_APP_INSIGHTS_ENABLED=false',
      // Of MLflow too, what is logged is logged by logging.json.
      'MLFLOW_CONFIGURE_LOGGING=false',
      'HOME=/tmp',
    ],
    Labels: {
      'org.opencontainers.image.title': model.name,
      'org.opencontainers.image.description': `POST /score on port 5001: the model ${model.name}`,
      'dev.edge-train.model': model.name,
      'dev.edge-train.release': model.release,
      [LOCK_LABEL]: lock,
    },
  };
}

/** Wheels for glibc 2.28 and later run on Debian 10 and later. */
function platformOf({ config }: BaseImage): PythonPlatform {
  const labels = (config.config?.['Labels'] ?? {}) as Record<string, string>;
  const machine = config.architecture === 'arm64' ? 'aarch64' : 'x86_64';
  return { python: labels[PYTHON_LABEL] ?? '3.11', platform: `${machine}-manylinux_2_28` };
}

const HOME = 'opt/edge-train';
const SCRIPTS = [
  'bad_input.py',
  'logging.json',
  'score.py',
  'scoring_columns.py',
  'scoring_input.py',
  'scoring_tensors.py',
  'serving_log.py',
];
const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');
