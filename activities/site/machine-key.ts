import type { MachinePlan } from '../../domain/training-plan.ts';
import type { MachineKey } from '../../domain/virtual-machine.ts';
import { ServiceError } from '../../services/errors.ts';
import { findInstalledWorker } from '../../services/stack-hub/extension.ts';
import type { SiteDependencies, Step } from './dependencies.ts';
import { requireHost } from './host/connect.ts';
import { readHostKey } from './host/key.ts';
import type { SiteSession } from './site-session.ts';

/** The key to seal to: the one that ARM knows of the VM, or that this worker signed for a host. @throws ServiceError `KeyMismatch` */
export async function requireMachineKey(
  session: SiteSession,
  step: Step,
  dependencies: SiteDependencies,
  { name, host }: Pick<MachinePlan, 'name' | 'host'>,
  claimed: MachineKey,
): Promise<MachineKey> {
  if (host) requireHost(session, name);
  const known = host
    ? await readHostKey(session, dependencies, name)
    : (await findInstalledWorker(await session.stackHub(), name, step.signal))?.publicKey;
  if (known && known.x === claimed.x && known.y === claimed.y) return known;
  throw new ServiceError({
    class: 'policy',
    type: 'KeyMismatch',
    cause: `The key that the workflow names is not the one with which ${name} was enrolled${known ? '' : '; it has no worker of ours'}.`,
    nextStep:
      'Start the run again: its machine is enrolled anew. If this comes back, find out who changed the workflow’s state.',
    retryable: false,
  });
}
