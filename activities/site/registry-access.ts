import type { Registry } from '../../domain/registry.ts';
import type { PullSource } from '../../services/container-registry/pull.ts';
import { pullToken } from '../../services/container-registry/pull-token.ts';
import type { Step } from './dependencies.ts';
import type { SiteSession } from './site-session.ts';

/**
 * A way to one repository, by the uplink as VMs go, with a token that the site's credential was exchanged for: it pulls from
 * there, for an hour at most, and does nothing else. @throws ServiceError `RegistryDenied`, `UplinkDenied`, `Unreachable`
 */
export async function openRegistry(
  { site, ca, secret }: SiteSession,
  step: Step,
  { host, username, password, tokenHost }: Registry,
  repository: string,
  now?: Date,
): Promise<{ source: PullSource; expires: Date }> {
  const anonymous: PullSource = { registry: host, repository, uplink: site.uplink, ca, abortSignal: step.signal };
  const credential = username && password ? { username, password: await secret(password) } : undefined;
  const { authorization, expires } = await pullToken(anonymous, credential, { tokenHost, ...(now ? { now } : {}) });
  return { source: { ...anonymous, authorization }, expires };
}
