import type { CloudDeploymentPlan, VerifiedServingImage } from '../../../domain/cloud-deployment.ts';
import type { ServingImage } from '../../../domain/deployment.ts';
import { siteOf } from '../../../domain/cloud-file.ts';
import type { Artifact } from '../../../domain/release.ts';
import { sessionReader } from '../../../services/container-registry/content.ts';
import { RegistrySession } from '../../../services/container-registry/session.ts';
import { verifyImage } from '../../../services/image-trust/verify-image.ts';
import { below, findServedModel } from '../../../services/serving-image/mlflow-model.ts';
import type { Cloud } from '../cloud.ts';

/**
 * Whether an image may serve in the cloud, before anything is made for it: signed by a key of `cloud.yml`, with a provenance of
 * this very version, with the receipt of what left its site, and with exactly those files in it.
 * @throws ServiceError as `verifyImage` of image-trust does (policy)
 */
export async function verifyCloudImage(
  cloud: Cloud,
  { plan: { site, model }, found: { image, version } }: { plan: CloudDeploymentPlan; found: ServingImage },
): Promise<VerifiedServingImage> {
  const { deployments, sites } = cloud.file;
  const receiptKey = siteOf(sites, site)?.receiptPublicKey;
  const { keyId, receipt } = await verifyImage({
    reader: sessionReader(new RegistrySession(await cloud.registry()), image.repository),
    name: `${image.registry}/${image.repository}`,
    reference: image.digest,
    keys: deployments?.imageKeys ?? [],
    receiptKeys: [...(receiptKey === undefined ? [] : [receiptKey]), ...(deployments?.receiptKeys ?? [])],
    expected: { site, model, version },
  });
  return { keyId, description: descriptionOf(receipt.predicate.released.artifacts) };
}

function descriptionOf(artifacts: readonly Artifact[]): Artifact | null {
  const { root, loader } = findServedModel(artifacts);
  if (loader !== 'mlflow') return null;
  return artifacts.find(({ path }) => path === below(root, 'MLmodel')) ?? null;
}
