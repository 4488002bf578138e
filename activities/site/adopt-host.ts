import { edgeQueue } from '../../domain/resource-names.ts';
import type { MachinePlan } from '../../domain/training-plan.ts';
import type { InstalledMachine, MachineKey } from '../../domain/virtual-machine.ts';
import { ensureContainer } from '../../services/blob-storage.ts';
import { ServiceError } from '../../services/errors.ts';
import { canonicalJson, generateMachineKey, sha256 } from '../../services/signing.ts';
import type { SiteDependencies, Step } from './dependencies.ts';
import { installOnHost } from './credential/install.ts';
import { freshCredential, mintCredential, withCredential } from './credential/mint.ts';
import { findClaim, workerUnit } from './host/claim.ts';
import { connectHost, requireHost } from './host/connect.ts';
import { examineHost } from './host/examine.ts';
import { installBundle } from './host/install.ts';
import { keepHostKey } from './host/key.ts';
import type { RootShell } from './host/root-shell.ts';
import { machineSettings } from './machine-settings.ts';
import { runContainer } from './plan-file.ts';
import type { SiteSession } from './site-session.ts';

/**
 * The worker's bundle on an existing host, over SSH, by the extension's installer. What the host has with the same bundle and
 * configuration is kept, key and all; so a lost answer is found again, and asking twice changes nothing. Minutes.
 * @throws ServiceError `HostKeyChanged`, `LoginRefused`, `HostTaken` (policy); `HostUnfit`, `InstallFailed` (host)
 */
export async function adoptHost(
  session: SiteSession,
  step: Step,
  dependencies: SiteDependencies,
  plan: MachinePlan,
): Promise<InstalledMachine> {
  const { name } = plan;
  const host = requireHost(session, name);
  const { digest } = dependencies.bundle;
  const queue = edgeQueue(name, digest);
  using ssh = await connectHost(dependencies, step, name, host);
  const root = await examineHost(ssh, dependencies, name, host);

  const settings = await machineSettings(session, dependencies, name, queue);
  const config = sha256(canonicalJson(settings));
  const owner = { site: session.site.name, host: name };
  const { worker, active } = await findClaim(root, owner, digest);
  let publicKey: MachineKey;
  let until: Pick<InstalledMachine, 'credentialExpires'>;
  if (worker?.bundle === digest && worker.config === config) {
    publicKey = worker.publicKey;
    const renew = () => installOnHost(session, root, dependencies, name, worker);
    until = await freshCredential(session, dependencies, worker.credentialExpires, renew);
    if (!active) await startWorker(root, name, digest);
  } else {
    const pair = generateMachineKey();
    publicKey = pair.publicKey;
    const credential = await mintCredential(session, dependencies, name);
    until = credential ? { credentialExpires: credential.expires } : {};
    const claim = { ...owner, worker: { bundle: digest, publicKey, config, ...until } };
    const complete = { ...withCredential(settings, credential), privateKey: pair.privateKey };
    await installBundle(root, dependencies, complete, claim);
  }
  await ensureContainer(await runContainer(session));
  await keepHostKey(session, dependencies, name, publicKey);
  return {
    ...{ name, resourceId: `hosts/${name}`, size: plan.size, privateAddress: host.address },
    ...{ created: false, publicKey, bundle: digest, queue, ...until },
  };
}

async function startWorker(root: RootShell, name: string, digest: string): Promise<void> {
  const { code, stderr } = await root(`systemctl start ${workerUnit(digest)}`, { seconds: 120 });
  if (code === 0) return;
  throw new ServiceError({
    class: 'host',
    type: 'WorkerDown',
    cause: `The worker on the host ${name} does not start: ${stderr.trim().slice(-300)}`,
    nextStep: `See on the host: journalctl -u ${workerUnit(digest)}.`,
    retryable: false,
  });
}
