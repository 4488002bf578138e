import type { ServingImage } from '../../domain/deployment.ts';
import type { ImageGrant, SealedGrant } from '../../domain/grant.ts';
import type { MachineKey } from '../../domain/virtual-machine.ts';
import { tokenSeconds } from '../../services/container-registry/pull-token.ts';
import { RegistrySession } from '../../services/container-registry/session.ts';
import { ServiceError } from '../../services/errors.ts';
import { seal } from '../../services/signing.ts';
import type { Cloud } from './cloud.ts';

const MOST_SECONDS = 3600;

/**
 * Permission to pull one repository's images for an hour at most, sealed to the VM: the registry's own short token, never what
 * it was exchanged for. @throws ServiceError
 */
export async function grantServingImage(
  cloud: Cloud,
  { image, machineKey }: { image: ServingImage['image']; machineKey: MachineKey },
): Promise<SealedGrant> {
  const { loginServer } = cloud.file.registry;
  if (image.registry !== loginServer) throw otherRegistry(image.registry);
  const token = await new RegistrySession(await cloud.registry()).pullToken(image.repository);
  const grant: ImageGrant = {
    kind: 'image',
    registry: loginServer,
    repository: image.repository,
    digest: image.digest.slice('sha256:'.length),
    authorization: `Bearer ${token}`,
  };
  const seconds = Math.min(tokenSeconds(token), MOST_SECONDS);
  const expires = new Date(Date.now() + seconds * 1000).toISOString();
  return { kind: 'image', jwe: await seal(grant, machineKey), expires };
}

function otherRegistry(registry: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'RegistryWithdrawn',
    cause: `The registry ${registry} is no longer the one of cloud.yml.`,
    nextStep: 'Start the deployment again.',
    retryable: false,
  });
}
