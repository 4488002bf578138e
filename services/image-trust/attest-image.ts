import type { ContainerClient } from '@azure/storage-blob';
import { z } from 'zod';
import { billOfMaterials } from '../../domain/bill-of-materials.ts';
import type { AttachedStatement, ContainerImage, Evidence, ModelVersion } from '../../domain/model-version.ts';
import { provenance } from '../../domain/provenance.ts';
import {
  BILL_OF_MATERIALS_TYPE,
  imageStatement,
  PROVENANCE_TYPE,
  SIGNATURE_TYPE,
  type Receipt,
} from '../../domain/statement.ts';
import { canonicalRecipe } from '../../domain/training-plan.ts';
import { VERSION } from '../../domain/version.ts';
import { attachAll, type Attachment } from '../container-registry/attach.ts';
import { sessionReader, type ImageReader, type StoredManifest } from '../container-registry/content.ts';
import { RegistrySession, type Registry } from '../container-registry/session.ts';
import { ServiceError } from '../errors.ts';
import type { ImageConfig, ImageManifest } from '../oci-image/image.ts';
import { LOCK_LABEL } from '../serving-image/build.ts';
import { imagePackages } from '../serving-image/image-packages.ts';
import { ensureText } from '../serving-image/layer-memo.ts';
import { canonicalJson, publicKeyOf, sha256, signingKeyId, signStatement, verifyStatement } from '../signing.ts';
import { bundleAttachment, bundleText, readBundle, receiptAttachment } from './sigstore-bundle.ts';

export interface AttestRequest {
  readonly registry: Registry;
  readonly image: ContainerImage;
  readonly version: ModelVersion;
  readonly evidence: Evidence;
  readonly receipt: Receipt;
  /** PKCS#8 PEM, P-256. */
  readonly signingKey: string;
  /** Where it is remembered what was signed; only the cloud worker writes to it. */
  readonly memos: ContainerClient;
  readonly progress: () => void;
}

/**
 * Says of an image in the registry what it is made of (SBOM), where it comes from (provenance), by whose receipt, and that it
 * is ours (signature, last: what is signed is complete). ECDSA signs differently each time, so what was signed first is kept
 * and attached again: a retry gives the same manifests, and no second of any. Returns what is attached.
 */
export async function attestImage(request: AttestRequest): Promise<AttachedStatement[]> {
  const { registry, image, receipt } = request;
  const session = new RegistrySession(registry);
  const reader = sessionReader(session, image.repository);
  const { stored, manifest, config } = await readImage(reader, image);

  const statements: [AttachedStatement['kind'], string, object][] = [
    ['sbom', BILL_OF_MATERIALS_TYPE, await billOf(request, reader, manifest)],
    ['provenance', PROVENANCE_TYPE, provenanceOf(request, manifest, config)],
    ['signature', SIGNATURE_TYPE, {}],
  ];
  const attachments: [AttachedStatement['kind'], Attachment][] = [['receipt', receiptAttachment(receipt.envelope)]];
  for (const [kind, type, predicate] of statements)
    attachments.push([kind, bundleAttachment(await signedOnce(request, imageStatement(image, type, predicate)), type)]);

  const digests = await attachAll(
    session,
    image.repository,
    stored,
    attachments.map(([, each]) => each),
  );
  return attachments.map(([kind], index) => ({ kind, digest: digests[index] ?? '' }));
}

async function readImage(reader: ImageReader, image: ContainerImage) {
  const stored = await reader.manifest(image.digest);
  if (!stored) throw imageGone(image);
  const manifest = json<ImageManifest>(stored);
  const config = await reader.content(manifest.config.digest, MAX_CONFIG);
  return { stored, manifest, config: JSON.parse(config.toString('utf8')) as ImageConfig };
}

const MAX_CONFIG = 8 * 2 ** 20;

async function billOf(
  { image, version, evidence, memos, progress }: AttestRequest,
  reader: ImageReader,
  { layers }: ImageManifest,
): Promise<object> {
  // The model's layer is the last: what is in it is no package, whatever it calls itself.
  const found = await imagePackages(memos, reader, layers.slice(0, -1), progress);
  const { name, version: number } = version;
  return billOfMaterials(
    {
      ...found,
      image,
      model: { name, version: number, artifacts: evidence.release.artifacts },
      rootDigest: evidence.inputs.data.rootDigest,
      tool: VERSION,
      timestamp: evidence.completed.endedAt,
    },
    sha256,
  );
}

function provenanceOf(
  { image, version, evidence, receipt }: AttestRequest,
  { annotations }: ImageManifest,
  { config }: ImageConfig,
): object {
  const { plan, release, inputs, environment } = evidence;
  const labels = z.record(z.string(), z.string()).catch({}).parse(config?.['Labels']);
  const base = annotations?.['org.opencontainers.image.base.digest']?.replace(/^sha256:/, '');
  const packages = labels[LOCK_LABEL];
  return provenance({
    model: { name: version.name, version: version.version },
    image: { repository: image.repository, tag: image.tag },
    ...{ site: plan.site, job: plan.job, workflowId: plan.workflowId, tool: VERSION },
    digests: {
      ...{ receipt: receipt.digest, model: release.digest, data: inputs.data.rootDigest },
      ...(plan.code ? { code: plan.code.digest } : {}),
      'job file': sha256(canonicalRecipe(plan)),
      'training environment': environment.lock,
      ...(packages ? { 'serving environment': packages } : {}),
      ...(base ? { 'base image': base } : {}),
    },
  });
}

/** The bundle of this statement by this key: made once, whoever asks and however often. */
async function signedOnce({ signingKey, memos, progress }: AttestRequest, statement: object): Promise<string> {
  progress();
  const key = signingKeyId(signingKey);
  const path = `images/signed/${sha256(canonicalJson(statement))}-${key.slice(0, 16)}.json`;
  const text = await ensureText(memos, path, () => Promise.resolve(bundleText(signStatement(statement, signingKey))));
  const kept = verifyStatement(readBundle(text), publicKeyOf(signingKey));
  if (canonicalJson(kept) === canonicalJson(statement)) return text;
  throw new ServiceError({
    class: 'policy',
    type: 'SignatureInvalid',
    cause: `${path} in the models container is signed, and says something else than its name.`,
    nextStep: 'Find out who wrote it, and remove it; the image is then signed anew.',
    retryable: false,
  });
}

const json = <T>({ content }: StoredManifest): T => JSON.parse(content.toString('utf8')) as T;

const imageGone = ({ registry, repository, digest }: ContainerImage) =>
  new ServiceError({
    class: 'host',
    type: 'ImageGone',
    cause: `The image ${registry}/${repository}@${digest} is not in the registry.`,
    nextStep: 'Start the run again: the image is pushed anew. Look who removes images from the registry.',
    retryable: false,
  });
