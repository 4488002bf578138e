import type { ContainerImage, Evidence, ImageAttestation, ModelVersion } from '../../domain/model-version.ts';
import type { Receipt } from '../../domain/statement.ts';
import { attestImage as attest } from '../../services/image-trust/attest-image.ts';
import { signingKeyId } from '../../services/signing.ts';
import type { Cloud } from './cloud.ts';

export interface AttestRequest {
  readonly evidence: Evidence;
  readonly version: ModelVersion;
  readonly receipt: Receipt;
  readonly image: ContainerImage;
}

/**
 * Attaches SBOM, provenance, receipt and signature to the image, by `registry.signingKey` of `cloud.yml`; without a key the
 * image stays as it is, and the run says so. Asked again it attaches what it attached. @throws ServiceError `KeyRefused`
 */
export async function attestImage(cloud: Cloud, request: AttestRequest): Promise<ImageAttestation> {
  const { registry: settings, release } = cloud.file;
  if (settings.signingKey === undefined) return { state: 'unsigned' };
  const signingKey = await cloud.secrets.resolve(settings.signingKey);
  const keyId = signingKeyId(signingKey);
  const attached = await attest({
    ...request,
    signingKey,
    registry: await cloud.registry(),
    memos: (await cloud.release()).container(release.modelContainer),
    progress: cloud.step.progress,
  });
  return { state: 'signed', keyId, attached };
}
