import {
  ArtifactGrant,
  CodeGrant,
  CredentialGrant,
  ImageGrant,
  SiteGrant,
  SmokeTestGrant,
  type SealedGrant,
} from '../../domain/grant.ts';
import type { MachinePrivateKey } from '../../domain/machine-config.ts';
import { ServiceError } from '../../services/errors.ts';
import { openSeal } from '../../services/signing.ts';

const schemas = {
  ...{ site: SiteGrant, code: CodeGrant, image: ImageGrant, artifacts: ArtifactGrant },
  'smoke-test': SmokeTestGrant,
  credential: CredentialGrant,
} as const;
type Opened = { [K in keyof typeof schemas]: ReturnType<(typeof schemas)[K]['parse']> };

/**
 * Opens the newest grant of a kind with the VM's own key.
 * @throws ServiceError `GrantExpired` where it has run out: the workflow grants anew; `GrantMissing`, `SealBroken`.
 */
export async function openGrant<K extends keyof Opened>(
  kind: K,
  grants: readonly SealedGrant[],
  key: MachinePrivateKey,
): Promise<Opened[K]> {
  const newest = grants.filter((grant) => grant.kind === kind).sort((a, b) => (a.expires < b.expires ? 1 : -1))[0];
  if (!newest) throw missing(kind);
  if (Date.parse(newest.expires) <= Date.now()) throw expired(kind);
  return schemas[kind].parse(await openSeal(newest.jwe, key)) as Opened[K];
}

const missing = (kind: string) =>
  new ServiceError({
    class: 'internal',
    type: 'GrantMissing',
    cause: `The run was given no grant for ${kind}.`,
    nextStep: 'This is likely a fault of edge-train: report it with the workflow’s id.',
    retryable: false,
  });

const expired = (kind: string) =>
  new ServiceError({
    class: 'network',
    type: 'GrantExpired',
    cause: `The grant for ${kind} has run out.`,
    nextStep: 'The grant is made anew by the workflow.',
    retryable: false,
  });
