import type { CredentialGrant, SealedGrant } from '../../../domain/grant.ts';
import type { MachineKey } from '../../../domain/virtual-machine.ts';
import { seal } from '../../../services/signing.ts';
import type { SiteDependencies, Step } from '../dependencies.ts';
import { findHost } from '../host/connect.ts';
import { requireMachineKey } from '../machine-key.ts';
import type { SiteSession } from '../site-session.ts';
import { mintNextCredential } from './mint.ts';

/**
 * The VM's next Temporal credential, sealed to the key that ARM knows of the VM of this name, or that this worker signed for
 * the host: whoever asks, only that VM can open it. A VM that is gone, or a host that site.yml has no more, gets none.
 * @throws ServiceError `KeyMismatch`, `CredentialWithdrawn` (policy)
 */
export async function grantCredential(
  session: SiteSession,
  step: Step,
  dependencies: SiteDependencies,
  { machine, machineKey }: { machine: string; machineKey: MachineKey },
): Promise<SealedGrant> {
  const plan = { name: machine, ...(findHost(session.site.hosts, machine) ? { host: true as const } : {}) };
  const key = await requireMachineKey(session, step, dependencies, plan, machineKey);
  const credential = await mintNextCredential(session, dependencies, machine);
  const grant: CredentialGrant = { kind: 'credential', ...credential };
  return { kind: 'credential', jwe: await seal(grant, key), expires: credential.expires };
}
