import { neededMemoryMiB, type MachineNeed } from '../../../domain/machine-size.ts';
import { shown, type Issue } from '../../../domain/validation.ts';
import { machineAddress } from '../../../services/stack-hub/compute.ts';
import { getResource } from '../../../services/stack-hub/resource.ts';
import type { Step } from '../dependencies.ts';
import { findHost } from '../host/connect.ts';
import type { Choice } from '../plan-training.ts';
import type { SiteSession } from '../site-session.ts';
import type { MachineChoice } from './machine.ts';

/** How a host's size is called, beside Azure's names. */
const HOST_SIZE = 'host';

/**
 * An existing host of the site, which must hold the job. The job file's `instance_type` is a size in the cloud: whoever names
 * a host has chosen otherwise.
 */
export async function chooseHost(
  session: SiteSession,
  step: Step,
  name: string,
  need: MachineNeed,
): Promise<Choice<MachineChoice>> {
  const { hosts } = session.site;
  const refuse = (rule: string): Choice<MachineChoice> => ({
    issues: [{ path: 'virtualMachine.host', rule, value: shown(name) } satisfies Issue],
  });
  const host = findHost(hosts, name);
  if (!host) {
    const names = Object.keys(hosts).sort();
    return refuse(names.length > 0 ? `this site’s hosts are ${names.join(', ')}` : 'this site has no existing hosts');
  }
  const enough = neededMemoryMiB(need);
  if (host.memoryMiB < enough) return refuse(`it has ${host.memoryMiB} MiB and the job needs ${enough} MiB`);
  // Leases go by name: a VM and a host that share one would share the lease.
  if (await getResource(await session.stackHub(), machineAddress(name), step.signal))
    return refuse('the Stack Hub has a VM of that name: the operator gives the host another in site.yml');
  const { cores, memoryMiB } = host;
  return { value: { name, host: true, size: { name: HOST_SIZE, cores, memoryMiB } }, issues: [] };
}
