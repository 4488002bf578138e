import { z } from 'zod';
import { SiteEnvironment } from './environment.ts';
import { ReleasePolicy } from './release.ts';
import { Identifier, SiteName, VirtualMachineName, VirtualMachineSizeName } from './resource-names.ts';
import { DataReference } from './data-reference.ts';
import { Host } from './host.ts';
import { HttpsUrl, SecretReference } from './secret.ts';

const Text = z.string().min(1).max(1000);
const FilePath = z.string().regex(/^\//, 'an absolute path');

/** `site.yml`, the operator's file: one Stack Hub, what is on it, and its policy. Only the site worker reads it. */
export const SiteFile = z.strictObject({
  $schema: z.string().optional(),
  name: SiteName,
  stackHub: z.strictObject({
    endpoint: HttpsUrl,
    tenant: Text,
    subscription: z.uuid(),
    location: Text,
    resourceGroup: Text,
    clientId: Text,
    clientSecret: SecretReference,
    /** PEM of the Stack Hub's own certificate authority, where the machine does not trust it already. */
    caFile: FilePath.optional(),
  }),
  virtualMachines: z.strictObject({
    /** publisher:offer:sku:version of an image in the Stack Hub's marketplace. */
    image: z.string().regex(/^[^:\s]+:[^:\s]+:[^:\s]+:[^:\s]+$/, 'an image is publisher:offer:sku:version'),
    /** `password` only for an image that takes no SSH key: a strong one is made, and told nobody. */
    login: z.enum(['key', 'password']).default('key'),
    sizes: z.array(VirtualMachineSizeName).min(1),
    default: VirtualMachineName.optional(),
    idleMinutes: z.number().min(0).max(100_000).default(30),
    addressPrefix: z
      .string()
      .regex(/^[\d.]+\/\d+$/)
      .default('10.20.0.0/16'),
  }),
  /** Machines that are there already, by the name that a training asks for. No plan can name another. */
  hosts: z.record(VirtualMachineName, Host).default({}),
  /** Blob storage on the Stack Hub. The account's key comes from `key`, else from the Stack Hub (listKeys). */
  storageAccounts: z.record(
    z.string().regex(/^[a-z0-9]{3,24}$/, 'a storage account is 3 to 24 of a-z and 0-9'),
    z.strictObject({ blobEndpoint: HttpsUrl, resourceGroup: Text.optional(), key: SecretReference.optional() }),
  ),
  dataStores: z.record(Identifier, z.strictObject({ account: Text, container: Text })),
  /** What `azureml:ASSET` means here. */
  dataAssets: z.record(z.string().min(1).max(255), DataReference).default({}),
  /** Where runs leave logs, receipts and all that is not released. */
  runs: z.strictObject({ account: Text, container: Text }),
  uplink: z.string().regex(/^http:\/\/[\w.-]+:\d+$/, 'an uplink is http://HOST:PORT'),
  /** A simple-index URL (PEP 503), reached by the VM through the uplink. */
  packageIndex: HttpsUrl,
  /** Curated names, as `curatedName` spells them, to what stands for them here. Added to what edge-train ships. */
  environments: z.record(z.string().regex(/^[a-z0-9][\w.-]*$/), SiteEnvironment).default({}),
  /** How VMs reach Temporal, through the uplink. */
  temporal: z.strictObject({
    address: z.string().regex(/^[\w.-]+:\d+$/, 'HOST:PORT'),
    namespace: Text.default('default'),
    /** The VM's own credential; absent only where the server lets anonymous calls in. */
    apiKey: SecretReference.optional(),
    tls: z.boolean().default(false),
  }),
  attach: z
    .discriminatedUnion('mode', [
      z.strictObject({ mode: z.literal('never') }),
      z.strictObject({
        mode: z.enum(['try', 'require']),
        /** Where Azure ML dials from, as a CIDR; open only while it attaches. */
        from: z.string().regex(/^[\d.]+\/\d+$/, 'a CIDR such as 20.0.0.0/24'),
        /** The powerless account that Azure ML logs in to; the same as `cloud.yml`’s. */
        username: z
          .string()
          .regex(/^[a-z][a-z0-9-]{0,30}$/, 'an account’s name is a-z, 0-9 and -, from a letter')
          .default('azureml'),
        /** OpenSSH public key of the powerless account that Azure ML logs in to; `cloud.yml` has its private half. */
        publicKey: z.string().regex(/^(ssh-ed25519|ssh-rsa) [A-Za-z0-9+/=]+( .*)?$/, 'an OpenSSH public key'),
      }),
    ])
    .default({ mode: 'never' }),
  limits: z
    .strictObject({
      maxSeconds: z
        .int()
        .min(1)
        .default(7 * 86_400),
      maxLogBytes: z
        .int()
        .min(1)
        .default(2 ** 30),
    })
    .prefault({}),
  release: ReleasePolicy.prefault({}),
  /** PKCS#8 PEM of the P-256 key that signs receipts. */
  receiptKey: SecretReference,
});
export type SiteFile = z.infer<typeof SiteFile>;
