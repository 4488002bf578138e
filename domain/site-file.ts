import { z } from 'zod';
import { Compute } from './compute.ts';
import { Deployments } from './deployments.ts';
import { SiteEnvironment } from './environment.ts';
import { PayloadCodecSettings } from './payload-codec.ts';
import { ReleasePolicy } from './release.ts';
import { Identifier, SiteName, VirtualMachineName, VirtualMachineSizeName } from './resource-names.ts';
import { DataReference } from './data-reference.ts';
import { Host } from './host.ts';
import { Registry } from './registry.ts';
import { HttpsUrl, SecretReference } from './secret.ts';
import { TokenSettings } from './temporal-credential.ts';

const Text = z.string().min(1).max(1000);
const FilePath = z.string().regex(/^\//, 'an absolute path');
const ATTACH_MODE =
  '`never`: no public address, no rule. `try`: a public address, and a run goes on when attaching fails. `require`: it fails.';

/** `site.yml`. */
export const SiteFile = z
  .strictObject({
    $schema: z.string().optional().describe('The JSON Schema of this file, for editors.'),
    name: SiteName.describe('The site’s name, by which jobs ask for it.'),
    stackHub: z
      .strictObject({
        endpoint: HttpsUrl.describe('Resource Manager: `https://management.REGION.FQDN`.'),
        tenant: Text.describe('`adfs`, or the Entra tenant’s id.'),
        subscription: z.uuid().describe('The tenant subscription that VMs are made in.'),
        location: Text.describe('The Stack Hub’s region.'),
        resourceGroup: Text.describe('Made if absent; all of edge-train’s VMs are in it.'),
        clientId: Text.describe('The service principal’s application id.'),
        clientSecret: SecretReference.describe('Its secret.'),
        caFile: FilePath.optional().describe(
          'PEM of the Stack Hub’s own certificate authority, where the machine does not trust it already.',
        ),
      })
      .describe('The Azure Stack Hub, and who asks it.'),
    virtualMachines: z
      .strictObject({
        image: z
          .string()
          .regex(/^[^:\s]+:[^:\s]+:[^:\s]+:[^:\s]+$/, 'an image is publisher:offer:sku:version')
          .describe('In the Stack Hub’s marketplace: Linux with Python 3 and systemd 245 or later.'),
        login: z
          .enum(['key', 'password'])
          .default('key')
          .describe('`password` only for an image that takes no SSH key: a strong one is made, and told nobody.'),
        sizes: z.array(VirtualMachineSizeName).min(1).describe('The sizes that a job may have.'),
        default: VirtualMachineName.optional().describe(
          'The VM of jobs that name none. Absent: `SITE-SIZE`, one for each size.',
        ),
        idleMinutes: z
          .number()
          .min(0)
          .max(100_000)
          .default(30)
          .describe('A VM is deallocated this many minutes after its last job.'),
        addressPrefix: z
          .string()
          .regex(/^[\d.]+\/\d+$/, 'a CIDR such as 10.20.0.0/16')
          .default('10.20.0.0/16')
          .describe('Of the virtual networks that are made, one a VM.'),
      })
      .describe('What VMs are made of.'),
    hosts: z
      .record(VirtualMachineName, Host)
      .default({})
      .describe('Machines that are there already, by the name that a training asks for. No plan can name another.'),
    computes: z
      .record(
        z.string().regex(/^[A-Za-z0-9][\w-]{0,254}$/, 'a compute’s name as Azure ML has it, such as cpu-cluster'),
        Compute,
      )
      .default({})
      .describe(
        'What the `compute` of job files means here, by its name in Azure ML: `{}` is the smallest VM that holds the job. A job that names another is refused, unless its training says `virtualMachine`.',
      ),
    storageAccounts: z
      .record(
        z.string().regex(/^[a-z0-9]{3,24}$/, 'a storage account is 3 to 24 of a-z and 0-9'),
        z.strictObject({
          blobEndpoint: HttpsUrl.describe('`https://ACCOUNT.blob.REGION.FQDN`.'),
          resourceGroup: Text.optional().describe('Its group, where its key is asked of the Stack Hub.'),
          key: SecretReference.optional().describe(
            'Its key. Without it the site worker asks the Stack Hub (listKeys).',
          ),
        }),
      )
      .describe('Blob storage accounts on the Stack Hub.'),
    dataStores: z
      .record(
        Identifier,
        z.strictObject({
          account: Text.describe('One of `storageAccounts`.'),
          container: Text.describe('Its container; jobs read below it, and never write.'),
        }),
      )
      .describe(
        'The names by which jobs speak of data: `azureml://datastores/NAME/paths/…`. No other container can be read.',
      ),
    dataAssets: z
      .record(z.string().min(1).max(255), DataReference)
      .default({})
      .describe('What `azureml:ASSET` means here.'),
    runs: z
      .strictObject({
        account: Text.describe('One of `storageAccounts`.'),
        container: Text.describe('Its container.'),
      })
      .describe('Where runs leave logs, receipts and all that is not released. It stays on site.'),
    uplink: z
      .string()
      .regex(/^http:\/\/[\w.-]+:\d+$/, 'an uplink is http://HOST:PORT')
      .describe('The CONNECT proxy that is the VMs’ only way out.'),
    uplinkLog: FilePath.optional().describe(
      'The uplink’s access log in Squid’s native format, where the site worker can read it: then receipts say how many bytes the run’s VM sent to whom. The last field of a line is the bytes from the client (`%>st`), where there is one more than Squid’s ten.',
    ),
    packageIndex: HttpsUrl.describe(
      'A simple index of Python packages (PEP 503), reached by the VM through the uplink.',
    ),
    environments: z
      .record(z.string().regex(/^[a-z0-9][a-z0-9._/:-]*$/, 'lower-case letters, digits and . _ - / :'), SiteEnvironment)
      .default({})
      .describe(
        'What environments of Azure ML are here, by name in lower case without `AzureML-`, or by `name:version` where versions differ; and what a container image is, by its whole name.',
      ),
    registries: z
      .array(Registry)
      .max(50)
      .default([])
      .describe(
        'Container registries whose images jobs may run in, as they are. VMs reach them through the uplink, with a token for the one repository.',
      ),
    temporal: z
      .strictObject({
        address: z
          .string()
          .regex(/^[\w.-]+:\d+$/, 'HOST:PORT')
          .describe('Of Temporal’s front, as the uplink resolves it.'),
        namespace: Text.default('default').describe('The site’s own.'),
        apiKey: SecretReference.optional().describe(
          'One credential for all VMs, an API key or a JWT, which the operator renews. Where neither this nor `jwt` is there, the server must let anonymous calls in.',
        ),
        jwt: TokenSettings.optional().describe(
          'Instead of `apiKey`: a JWT of its own for each VM, made here, which may write in the site’s namespace and nowhere else.',
        ),
        tls: z.boolean().default(false).describe('Whether Temporal’s front speaks TLS.'),
      })
      .describe('How VMs reach Temporal, through the uplink.'),
    codec: PayloadCodecSettings.optional().describe(
      'Encryption of what is in Temporal, by the site worker and its VMs. The same as in `cloud.yml`. Absent: none.',
    ),
    attach: z
      .discriminatedUnion('mode', [
        z.strictObject({ mode: z.literal('never').describe(ATTACH_MODE) }),
        z.strictObject({
          mode: z.enum(['try', 'require']).describe(ATTACH_MODE),
          from: z
            .string()
            .regex(/^[\d.]+\/\d+$/, 'a CIDR such as 20.0.0.0/24')
            .describe('Where Azure ML dials from. TCP 22 is open to it only while it attaches.'),
          username: z
            .string()
            .regex(/^[a-z][a-z0-9-]{0,30}$/, 'an account’s name is a-z, 0-9 and -, from a letter')
            .default('azureml')
            .describe('The powerless account that Azure ML logs in to; the same as `cloud.yml`’s.'),
          publicKey: z
            .string()
            .regex(/^(ssh-ed25519|ssh-rsa) [A-Za-z0-9+/=]+( .*)?$/, 'an OpenSSH public key')
            .describe('Of that account; `cloud.yml` has its private half.'),
        }),
      ])
      .default({ mode: 'never' })
      .describe('Whether Azure ML shows the VM as a compute target. Training does not need it.'),
    limits: z
      .strictObject({
        maxSeconds: z
          .int()
          .min(1)
          .default(7 * 86_400)
          .describe('How long a script may run, in seconds.'),
        maxLogBytes: z
          .int()
          .min(1)
          .default(2 ** 30)
          .describe('How much it may print.'),
        maxImageBytes: z
          .int()
          .min(1)
          .default(20 * 2 ** 30)
          .describe('How much a container image may unfold to, in bytes.'),
        cacheBytes: z
          .int()
          .min(1)
          .default(40 * 2 ** 30)
          .describe(
            'How much environments and images may take on a VM, in bytes. Of those that no job there uses, the least recently used goes first.',
          ),
        cacheDays: z.number().min(0).max(100_000).default(30).describe('How long one stays that no job uses.'),
        trackingServer: z
          .boolean()
          .default(true)
          .describe(
            'Whether a script whose environment has MLflow logs to a tracking server of its job on the VM, which takes 0.4 GiB of its disk and 0.2 GiB of its memory; else to a folder, which not every client can do all with.',
          ),
      })
      .prefault({})
      .describe('What no job may exceed.'),
    deployments: Deployments.optional().describe(
      'Whether released models may serve on VMs of this site, and how. Absent: none may.',
    ),
    release: ReleasePolicy.prefault({}).describe('What may leave the site.'),
    receiptKey: SecretReference.describe(
      'P-256 private key, PKCS#8 PEM: signs what left. `cloud.yml` has its public half.',
    ),
  })
  .describe('The operator’s file: one Stack Hub, what is on it, and its policy. Only the site worker reads it.');
export type SiteFile = z.infer<typeof SiteFile>;
