import type { MachineConfig } from '../../domain/machine-config.ts';
import { TokenIssuer } from '../../domain/temporal-credential.ts';
import { publicKeyOf } from '../../services/signing.ts';
import { readPayloadKeys } from '../../services/payload-codec.ts';
import { LOOPBACK, type Deployments } from '../../domain/deployments.ts';
import type { SiteDependencies } from './dependencies.ts';
import type { SiteSession } from './site-session.ts';

/**
 * All of the MachineConfig but the key, the VM's own Temporal credential and the account for Azure ML, from the site's file
 * alone: where the digest of it changes, the VM is enrolled anew.
 */
export async function machineSettings(
  { site, ca }: SiteSession,
  { secrets, bundle }: SiteDependencies,
  machine: string,
  queue: string,
): Promise<Omit<MachineConfig, 'privateKey' | 'attachAccount'>> {
  const { apiKey, jwt, ...temporal } = site.temporal;
  return {
    machine,
    bundle: bundle.digest,
    queue,
    temporal: {
      ...temporal,
      ...(apiKey ? { apiKey: await secrets.resolve(apiKey) } : {}),
      ...(jwt ? { jwt: TokenIssuer.strip().parse(jwt) } : {}),
    },
    ...(site.codec ? { codec: await readPayloadKeys(site.codec, secrets) } : {}),
    uplink: site.uplink,
    packageIndex: site.packageIndex,
    policy: {
      site: site.name,
      ...site.limits,
      release: site.release,
      ...(site.deployments
        ? { services: servicesOf(site.deployments, publicKeyOf(await secrets.resolve(site.receiptKey))) }
        : {}),
    },
    ...(ca === undefined ? {} : { caBundle: ca }),
    siteBlobEndpoints: Object.values(site.storageAccounts).map(({ blobEndpoint }) => blobEndpoint),
  };
}

const servicesOf = (
  { memoryMiB, ports: { from, to }, listen, keys, imageKeys, receiptKeys }: Deployments,
  receiptKey: string,
): NonNullable<MachineConfig['policy']['services']> => ({
  memoryBytes: memoryMiB * 2 ** 20,
  ports: [from, to],
  listen,
  // On loopback nobody is asked for one: a front of before takes none either.
  keys: listen === LOOPBACK ? {} : keys,
  imageKeys,
  receiptKeys: [receiptKey, ...receiptKeys],
});
