import { edgeQueue } from '../../../domain/resource-names.ts';
import type { SiteChecks } from '../../../domain/check.ts';
import { ServiceError, toServiceError } from '../../../services/errors.ts';
import { listMachines, listSizes, readPowerState, readQuota } from '../../../services/stack-hub/compute.ts';
import { findInstalledWorker } from '../../../services/stack-hub/extension.ts';
import { hasGroup } from '../../../services/stack-hub/group.ts';
import { findImage } from '../../../services/stack-hub/image.ts';
import { discover } from '../../../services/stack-hub/metadata.ts';
import { isOurs } from '../../../services/stack-hub/resource.ts';
import { trusting, type StackHub } from '../../../services/stack-hub/session.ts';
import { needs, once, type CheckWork } from '../../checks.ts';
import type { SiteSession } from '../site-session.ts';

const SIGN_IN = 'the sign-in at the Stack Hub';
/** A hello to each would take long where there are many. */
const MACHINES = 10;

/** The Stack Hub, and the sign-in for all that needs one. */
export function stackHubChecks(session: SiteSession): { checks: CheckWork[]; signIn: () => Promise<StackHub> } {
  const { stackHub, virtualMachines } = session.site;
  const endpoint = stackHub.endpoint.replace(/\/+$/, '');
  const answers = once(() => discover(endpoint, trusting(session.ca)));
  const signedIn = once(async () => {
    await needs('the Stack Hub', answers());
    const hub = await session.stackHub();
    return { hub, hasGroup: await hasGroup(hub) };
  });
  const signIn = async () => (await signedIn()).hub;
  const checks: CheckWork[] = [
    { name: 'Stack Hub', look: async () => `${endpoint}, tokens from ${(await answers()).authority}` },
    {
      name: 'Stack Hub sign-in',
      look: async () => {
        const group = (await signedIn()).hasGroup ? 'is there' : 'is made by the first run';
        return `signed in as ${stackHub.clientId}; the resource group ${stackHub.resourceGroup} ${group}`;
      },
    },
    {
      name: 'VM image',
      look: async () => {
        const version = await findImage(await needs(SIGN_IN, signIn()), virtualMachines.image);
        return `${virtualMachines.image} (version ${version})`;
      },
    },
    { name: 'VM sizes', look: async () => checkSizes(await needs(SIGN_IN, signIn()), virtualMachines.sizes) },
    { name: 'quota', look: async () => checkQuota(await needs(SIGN_IN, signIn()), virtualMachines.sizes) },
  ];
  return { checks, signIn };
}

async function checkSizes(hub: StackHub, allowed: readonly string[]): Promise<string> {
  const offered = (await listSizes(hub)).map(({ name }) => name.toLowerCase());
  const missing = allowed.filter((size) => !offered.includes(size.toLowerCase()));
  if (missing.length === 0) return allowed.join(', ');
  throw new ServiceError({
    class: 'quota',
    type: 'SkuNotAvailable',
    cause: `The Stack Hub offers no VM of the size ${missing.join(', ')} in ${hub.location}.`,
    nextStep: `Take ${missing.join(', ')} out of virtualMachines.sizes in site.yml, or ask the Stack Hub’s operator for it.`,
    retryable: false,
  });
}

/** A VM that is there is used again, so that an exhausted quota is a fault only where there is none. */
async function checkQuota(hub: StackHub, allowed: readonly string[]): Promise<string> {
  const [left, sizes, machines] = await Promise.all([readQuota(hub), listSizes(hub), listMachines(hub)]);
  const names = allowed.map((size) => size.toLowerCase());
  const cores = sizes.filter(({ name }) => names.includes(name.toLowerCase())).map((size) => size.cores);
  const room = left.virtualMachines >= 1 && cores.some((needed) => needed <= left.cores);
  const text = `${left.cores} more cores and ${left.virtualMachines} more VMs in ${hub.location}`;
  if (room || cores.length === 0 || machines.some(isOurs)) return text;
  throw toServiceError(
    Object.assign(new Error(`${text}: no VM of an allowed size fits`), { code: 'QuotaExceeded' }),
    'reading the quota',
  );
}

/** Our VMs that are up and carry our worker. */
export async function findRunningMachines(
  signIn: () => Promise<StackHub>,
  bundle: string,
): Promise<SiteChecks['machines']> {
  const hub = await signIn();
  const ours = (await listMachines(hub)).filter(isOurs).slice(0, MACHINES);
  const found = await Promise.all(
    ours.map(async ({ name }) => {
      if ((await readPowerState(hub, name)) !== 'running') return [];
      const worker = await findInstalledWorker(hub, name);
      return worker
        ? [{ name, queue: edgeQueue(name, worker.bundle), bundle: worker.bundle, current: worker.bundle === bundle }]
        : [];
    }),
  );
  return found.flat();
}
