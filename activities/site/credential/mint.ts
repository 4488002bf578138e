import type { MachineConfig } from '../../../domain/machine-config.ts';
import { isFresh, type TemporalCredential } from '../../../domain/temporal-credential.ts';
import type { InstalledMachine } from '../../../domain/virtual-machine.ts';
import { ServiceError } from '../../../services/errors.ts';
import { mintToken } from '../../../services/temporal-token.ts';
import type { SiteDependencies } from '../dependencies.ts';
import type { SiteSession } from '../site-session.ts';

/** The VM's own, by `temporal.jwt` of site.yml; undefined where the site has no such thing. @throws ServiceError */
export async function mintCredential(
  { site }: SiteSession,
  { secrets, now }: SiteDependencies,
  machine: string,
): Promise<TemporalCredential | undefined> {
  const { jwt, namespace } = site.temporal;
  if (!jwt) return undefined;
  const signingKey = await secrets.resolve(jwt.signingKey);
  return mintToken({ ...jwt, signingKey, subject: machine, namespace, now: now?.() ?? new Date() });
}

/** The part of an enrolled VM that says until when its credential holds; `renew` puts a new one on it where little is left. */
export async function freshCredential(
  { site }: SiteSession,
  { now }: SiteDependencies,
  known: string | undefined,
  renew: () => Promise<string>,
): Promise<Pick<InstalledMachine, 'credentialExpires'>> {
  const { jwt } = site.temporal;
  if (!jwt) return {};
  if (known !== undefined && isFresh(known, jwt, now?.() ?? new Date())) return { credentialExpires: known };
  return { credentialExpires: await renew() };
}

/** It is no part of what decides whether a VM is enrolled anew. */
export function withCredential<T extends Pick<MachineConfig, 'temporal'>>(
  settings: T,
  credential: TemporalCredential | undefined,
): T {
  return credential ? { ...settings, temporal: { ...settings.temporal, credential } } : settings;
}

/** For a VM that had one. @throws ServiceError `CredentialWithdrawn` (policy) */
export async function mintNextCredential(
  session: SiteSession,
  dependencies: SiteDependencies,
  machine: string,
): Promise<TemporalCredential> {
  const credential = await mintCredential(session, dependencies, machine);
  if (credential) return credential;
  throw new ServiceError({
    class: 'policy',
    type: 'CredentialWithdrawn',
    cause: `site.yml of ${session.site.name} has no temporal.jwt any more, by which ${machine} had its credential.`,
    nextStep: 'Put it back until the VM has come to rest: the next lease gives it what site.yml says then.',
    retryable: false,
  });
}
