import type { ContainerImage, Evidence, ImageAttestation, ModelVersion } from '../../domain/model-version.ts';
import type { Receipt } from '../../domain/statement.ts';
import { ServiceError } from '../../services/errors.ts';
import { attestImage as attest } from '../../services/image-trust/attest-image.ts';
import { signingKeyId } from '../../services/signing.ts';
import { buildImage } from './build-image.ts';
import type { Cloud } from './cloud.ts';
import { verifyReceipt } from './verify-receipt.ts';

export interface AttestRequest {
  readonly evidence: Evidence;
  readonly version: ModelVersion;
  readonly receipt: Receipt;
  readonly image: ContainerImage;
}

/**
 * Attaches SBOM, provenance, receipt and signature to the image, by `registry.signingKey` of `cloud.yml`; without a key the
 * image stays as it is, and the run says so. Asked again it attaches what it attached. Whoever writes to Temporal must not
 * have anything signed: the receipt holds, and the image is the one that is built from this evidence.
 * @throws ServiceError `ReceiptRefused`, `SignatureInvalid`, `OtherImage` (policy), `KeyRefused`
 */
export async function attestImage(cloud: Cloud, request: AttestRequest): Promise<ImageAttestation> {
  const { registry: settings, release, sites } = cloud.file;
  if (settings.signingKey === undefined) return { state: 'unsigned' };
  const { evidence, receipt } = request;
  const { job, workflowId } = evidence.plan;
  verifyReceipt(sites, { evidence, receipt, holder: { workflowId, runId: '', job } });
  await requireOwnImage(cloud, request);
  const signingKey = await cloud.secrets.resolve(settings.signingKey, await cloud.credential());
  const attached = await attest({
    ...request,
    signingKey,
    registry: await cloud.registry(),
    memos: (await cloud.release()).container(release.modelContainer),
    progress: cloud.step.progress,
  });
  return { state: 'signed', keyId: signingKeyId(signingKey), attached };
}

/** Building is reproducible, and nothing is sent that is there: it is asked which image this evidence makes. */
async function requireOwnImage(cloud: Cloud, { evidence, version, image }: AttestRequest): Promise<void> {
  const { repository } = image;
  const own = await buildImage(cloud, { evidence, version, repository });
  if (own.digest === image.digest && own.tag === image.tag && own.registry === image.registry) return;
  throw new ServiceError({
    class: 'policy',
    type: 'OtherImage',
    cause: `${repository}@${image.digest} is not signed: what was released makes the image ${own.digest}.`,
    nextStep: 'Start the run again. If cloud.yml was not changed meanwhile, find out who changed the workflow’s state.',
    retryable: false,
  });
}
