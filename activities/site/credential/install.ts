import type { InstalledWorker } from '../../../domain/machine-config.ts';
import { ServiceError } from '../../../services/errors.ts';
import { extensionAddress, extensionBody, installedWorker } from '../../../services/stack-hub/extension.ts';
import { putResource, settledResource } from '../../../services/stack-hub/resource.ts';
import type { SiteDependencies, Step } from '../dependencies.ts';
import { findClaim, writeClaim } from '../host/claim.ts';
import { connectHost, findHost } from '../host/connect.ts';
import { examineHost } from '../host/examine.ts';
import type { RootShell } from '../host/root-shell.ts';
import type { SiteSession } from '../site-session.ts';
import { mintNextCredential } from './mint.ts';

/**
 * A new Temporal credential for a VM whose own has run out, so that it cannot be asked for anything: by the extension, or over
 * SSH. Its bundle, its key and its jobs stay as they are. Returns until when it holds. A minute.
 * @throws ServiceError `MachineGone` (host), `CredentialWithdrawn`, `HostTaken` (policy)
 */
export async function installCredential(
  session: SiteSession,
  step: Step,
  dependencies: SiteDependencies,
  machine: string,
): Promise<{ expires: string }> {
  const host = findHost(session.site.hosts, machine);
  if (!host) {
    const existing = await settledResource(await session.stackHub(), extensionAddress(machine), step);
    const worker = existing && installedWorker(existing);
    if (!worker) throw withoutWorker(machine);
    return { expires: await installOnVirtualMachine(session, step, dependencies, machine, worker) };
  }
  using ssh = await connectHost(dependencies, step, machine, host);
  const root = await examineHost(ssh, dependencies, machine, host);
  const { worker } = await findClaim(root, { site: session.site.name, host: machine }, dependencies.bundle.digest);
  if (!worker) throw withoutWorker(machine);
  return { expires: await installOnHost(session, root, dependencies, machine, worker) };
}

/** Returns until when it holds. */
export async function installOnVirtualMachine(
  session: SiteSession,
  step: Step,
  dependencies: SiteDependencies,
  machine: string,
  worker: InstalledWorker,
): Promise<string> {
  const hub = await session.stackHub();
  const credential = await mintNextCredential(session, dependencies, machine);
  const script = `#!/bin/sh\n${dependencies.bundle.installCredential(credential)}\n`;
  const put = { worker: { ...worker, credentialExpires: credential.expires }, fileUris: [], script };
  const body = extensionBody(hub, machine, { ...put, credentialOnly: true });
  await putResource(hub, extensionAddress(machine), body, step);
  return credential.expires;
}

/** The claim says the new time only when the credential is there. */
export async function installOnHost(
  session: SiteSession,
  root: RootShell,
  dependencies: SiteDependencies,
  host: string,
  worker: InstalledWorker,
): Promise<string> {
  const credential = await mintNextCredential(session, dependencies, host);
  const claim = { site: session.site.name, host, worker: { ...worker, credentialExpires: credential.expires } };
  const lines = `set -eu\n(\n${dependencies.bundle.installCredential(credential)}\n)\n(umask 077\n${writeClaim(claim)}\n)`;
  const { code, stderr } = await root('sh -s', { input: [`{\n${lines}\n} </dev/null\n`], seconds: 120 });
  if (code === 0) return credential.expires;
  throw new ServiceError({
    class: 'host',
    type: 'InstallFailed',
    cause: `Putting a credential on the host ${host} ended with exit code ${code}: ${stderr.trim().slice(-300)}`,
    nextStep: 'The cause has the host’s last words: correct what is wrong there; it is tried again.',
    retryable: false,
  });
}

const withoutWorker = (machine: string): ServiceError =>
  new ServiceError({
    class: 'host',
    type: 'MachineGone',
    cause: `${machine} carries no worker of ours (any more), so that it gets no credential.`,
    nextStep: 'Start the run again; the VM is enrolled anew.',
    retryable: false,
  });
