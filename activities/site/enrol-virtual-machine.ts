import type { MachineConfig } from '../../domain/machine-config.ts';
import { bundlePath, edgeQueue } from '../../domain/resource-names.ts';
import type { InstalledMachine, ProvisionedMachine } from '../../domain/virtual-machine.ts';
import { findBlob, putFileIfAbsent } from '../../services/blob-storage.ts';
import { ServiceError } from '../../services/errors.ts';
import { canonicalJson, generateMachineKey, sha256 } from '../../services/signing.ts';
import { machineAddress } from '../../services/stack-hub/compute.ts';
import { extensionAddress, extensionBody, installedWorker } from '../../services/stack-hub/extension.ts';
import { getResource, putResource, requireOurs, settledResource } from '../../services/stack-hub/resource.ts';
import type { SiteDependencies, Step } from './dependencies.ts';
import { freshCredential, mintCredential, withCredential } from './credential/mint.ts';
import { installOnVirtualMachine } from './credential/install.ts';
import { machineSettings } from './machine-settings.ts';
import { runContainer } from './plan-file.ts';
import type { SiteSession } from './site-session.ts';

/**
 * The worker's bundle on the VM, by the CustomScript extension: the VM fetches, nothing dials in. What ARM shows to be there
 * with the same bundle and configuration is kept, key and all; so a lost answer is found again. A VM that was away until its
 * own Temporal credential had run out, or nearly, gets a new one and keeps the rest. Minutes.
 * @throws ServiceError `InstallFailed` (host) with the extension's last words
 */
export async function enrolVirtualMachine(
  session: SiteSession,
  step: Step,
  dependencies: SiteDependencies,
  machine: ProvisionedMachine,
): Promise<InstalledMachine> {
  const hub = await session.stackHub();
  await requireOurMachine(session, step, machine.name);
  const { digest } = dependencies.bundle;
  const queue = edgeQueue(machine.name, digest);
  const settings = {
    ...(await machineSettings(session, dependencies, machine.name, queue)),
    ...attachAccount(session),
  };
  const config = sha256(canonicalJson(settings));

  const address = extensionAddress(machine.name);
  const existing = await settledResource(hub, address, step);
  const worker = existing && installedWorker(existing);
  if (worker?.bundle === digest && worker.config === config) {
    const kept = { ...machine, publicKey: worker.publicKey, bundle: digest, queue };
    const { credentialExpires: known } = worker;
    const renew = () => installOnVirtualMachine(session, step, dependencies, machine.name, worker);
    return { ...kept, ...(await freshCredential(session, dependencies, known, renew)) };
  }

  const fileUri = await uploadBundle(session, dependencies);
  const { privateKey, publicKey } = generateMachineKey();
  const credential = await mintCredential(session, dependencies, machine.name);
  const complete = { ...withCredential(settings, credential), privateKey };
  const script = `#!/bin/sh\n${dependencies.bundle.install(complete)}\n`;
  const until = credential ? { credentialExpires: credential.expires } : {};
  await putResource(
    hub,
    address,
    extensionBody(hub, machine.name, {
      ...{ worker: { bundle: digest, publicKey, config, ...until }, fileUris: [fileUri], script },
    }),
    step,
  );
  return { ...machine, publicKey, bundle: digest, queue, ...until };
}

/** The powerless account that Azure ML logs in to. */
const attachAccount = ({ site: { attach } }: SiteSession): Pick<MachineConfig, 'attachAccount'> =>
  attach.mode === 'never' ? {} : { attachAccount: { username: attach.username, publicKey: attach.publicKey } };

/** Once a bundle, whoever needs it; the script checks the digest again where it is unpacked. Returns a URL to read it. */
async function uploadBundle(session: SiteSession, { bundle, now }: SiteDependencies): Promise<string> {
  const runs = await runContainer(session);
  const path = bundlePath(bundle.digest);
  if (!(await findBlob(runs, path))) await putFileIfAbsent(runs, path, bundle.path);
  const { account, container } = session.site.runs;
  return (await session.account(account)).sas({
    container,
    blob: path,
    permissions: 'r',
    ...(now ? { now: now() } : {}),
  }).url;
}

async function requireOurMachine(session: SiteSession, step: Step, machine: string): Promise<void> {
  const address = machineAddress(machine);
  const found = await getResource(await session.stackHub(), address, step.signal);
  if (found) return requireOurs(found, address);
  throw new ServiceError({
    class: 'host',
    type: 'MachineGone',
    cause: `The VM ${machine} is not there: someone deleted it after it was made.`,
    nextStep: 'Start the run again; the VM is made anew.',
    retryable: false,
  });
}
