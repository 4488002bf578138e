import { z } from 'zod';
import { LOOPBACK } from './deployments.ts';
import { PayloadKeys } from './payload-codec.ts';
import { ReleasePolicy } from './release.ts';
import { Sha256, SiteName, VirtualMachineName } from './resource-names.ts';
import { HttpsUrl } from './secret.ts';
import { TemporalCredential, TokenIssuer } from './temporal-credential.ts';
import { MachineKey } from './virtual-machine.ts';

/** The VM's own key: private halves exist in the extension's protected settings and root-readable on the VM only. */
export const MachinePrivateKey = z.strictObject({ ...MachineKey.shape, d: z.string() });
export type MachinePrivateKey = z.infer<typeof MachinePrivateKey>;

/** What the site lets a job do, as a root-owned file on the VM. A plan may tighten it, never loosen it. */
export const MachinePolicy = z.strictObject({
  site: SiteName,
  maxSeconds: z.int().min(1),
  maxLogBytes: z.int().min(1),
  /** What an image may unfold to. */
  maxImageBytes: z.int().min(1),
  /** What environments and images may take on the VM together, and how long one stays that no job uses. */
  cacheBytes: z.int().min(1),
  cacheDays: z.number().min(0),
  /** Whether jobs have MLflow's tracking server. */
  trackingServer: z.boolean().default(true),
  release: ReleasePolicy,
  /** What one model service may hold, and where fronts listen; absent: no model serves here. */
  services: z
    .strictObject({
      memoryBytes: z.int().min(1),
      ports: z.tuple([z.int(), z.int()]),
      /** Loopback, or where others may ask: with TLS, and a key whose SHA-256 is here. */
      listen: z.ipv4().default(LOOPBACK),
      keys: z.record(z.string(), Sha256).default({}),
      /** Whose signature an image must have, and whose receipt; SPKI PEMs. */
      imageKeys: z.array(z.string()),
      receiptKeys: z.array(z.string()),
    })
    .optional(),
});
export type MachinePolicy = z.infer<typeof MachinePolicy>;

/**
 * Everything that the installer on the VM is told, as one base64 JSON document inside the extension's protected
 * settings. Made by the site worker alone; nothing of it comes from a workflow but the VM's name.
 */
export const MachineConfig = z.strictObject({
  machine: VirtualMachineName,
  bundle: Sha256,
  queue: z.string(),
  temporal: z.strictObject({
    address: z.string(),
    namespace: z.string(),
    tls: z.boolean(),
    /** The credential of all the site's VMs, where it has one. */
    apiKey: z.string().optional(),
    /** Where each VM has its own instead: whose it is, and the one that the worker begins with. */
    jwt: TokenIssuer.optional(),
    credential: TemporalCredential.optional(),
  }),
  /** The keys of payloads; absent where they are not encrypted. */
  codec: PayloadKeys.optional(),
  /** `http://HOST:PORT` of the CONNECT proxy. */
  uplink: z.string(),
  packageIndex: HttpsUrl,
  privateKey: MachinePrivateKey,
  policy: MachinePolicy,
  /** The powerless account that Azure ML logs in to; absent where the site never attaches. */
  attachAccount: z.strictObject({ username: z.string(), publicKey: z.string() }).optional(),
  /** PEM of certificate authorities that the VM must trust besides its own: the site's, and the release account's. */
  caBundle: z.string().optional(),
  /** Blob endpoints on site: reached directly, never through the uplink. */
  siteBlobEndpoints: z.array(HttpsUrl),
});
export type MachineConfig = z.infer<typeof MachineConfig>;

/**
 * What ARM knows of the worker on a VM, as tags of the extension: the CustomScript handler refuses public settings that it
 * does not know. So one PUT carries both halves of the key, a lost answer is found by GET, and a seal's key is checked
 * against ARM rather than against a workflow's word.
 */
export const InstalledWorker = z.strictObject({
  bundle: Sha256,
  publicKey: MachineKey,
  /** SHA-256 over all else of the MachineConfig: a policy or a credential that changed is put on the VM anew. */
  config: Sha256,
  /** Until when the credential holds that was installed last; renewals since are not in it. Absent where VMs have none of their own. */
  credentialExpires: z.iso.datetime().optional(),
});
export type InstalledWorker = z.infer<typeof InstalledWorker>;

/** The same on an existing host, in a file of root's: for whom it was adopted, and the worker once it is installed whole. */
export const HostClaim = z.strictObject({
  site: SiteName,
  host: VirtualMachineName,
  worker: InstalledWorker.optional(),
});
export type HostClaim = z.infer<typeof HostClaim>;
