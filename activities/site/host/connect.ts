import type { Host } from '../../../domain/host.ts';
import { ServiceError } from '../../../services/errors.ts';
import { openSsh, type SshSession, type SshTarget } from '../../../services/ssh.ts';
import type { SiteDependencies, Step } from '../dependencies.ts';
import type { SiteSession } from '../site-session.ts';

/** The host as the operator's file has it now. @throws ServiceError `HostWithdrawn` (policy) */
export function requireHost({ site }: SiteSession, name: string): Host {
  const host = findHost(site.hosts, name);
  if (host) return host;
  throw new ServiceError({
    class: 'policy',
    type: 'HostWithdrawn',
    cause: `site.yml of ${site.name} has no host ${name} (any more).`,
    nextStep: 'Ask the operator, or start the run again with another host or a VM.',
    retryable: false,
  });
}

export const findHost = (hosts: Readonly<Record<string, Host>>, name: string): Host | undefined =>
  Object.hasOwn(hosts, name) ? hosts[name] : undefined;

/** @throws ServiceError */
export async function connectHost(
  { secrets }: SiteDependencies,
  step: Step,
  name: string,
  host: Host,
): Promise<SshSession> {
  const { address, port, username, hostKeys } = host;
  return openSsh({ name, address, port, username, hostKeys, credential: await credential(), signal: step.signal });

  async function credential(): Promise<SshTarget['credential']> {
    if (host.privateKey !== undefined) return { privateKey: await secrets.resolve(host.privateKey) };
    return { password: await secrets.resolve(host.password ?? '') };
  }
}
