import { z } from 'zod';
import { PublicKey } from './public-key.ts';
import { Sha256, VirtualMachineName, VirtualMachineSizeName } from './resource-names.ts';

const Port = z.int().min(1024).max(65_535);

/** Where a model is asked by nobody but its own VM. */
export const LOOPBACK = '127.0.0.1';

export const KeyName = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'a key’s name is a-z, 0-9 and -, from a letter');

/** `deployments` of `site.yml`. */
export const Deployments = z
  .strictObject({
    virtualMachine: VirtualMachineName.optional().describe(
      'The VM, or the existing host, on which models serve. Absent: the default VM of jobs.',
    ),
    size: VirtualMachineSizeName.optional().describe('Its size, where it must be made. Absent: the smallest.'),
    imageKeys: z
      .array(PublicKey)
      .min(1)
      .describe(
        'Who may sign images that serve: the public halves of `registry.signingKey` in `cloud.yml`. While a key is rotated, the old one and the new.',
      ),
    receiptKeys: z
      .array(PublicKey)
      .default([])
      .describe('Public halves of receipt keys that this site had before: models of that time may serve too.'),
    memoryMiB: z.int().min(64).max(1_048_576).default(1024).describe('What one model’s service may hold.'),
    listen: z
      .ipv4('an IPv4 address of the VM, or 0.0.0.0 for all that it has')
      .default(LOOPBACK)
      .describe(
        'Where models are asked: on loopback of their VM, or at an address of it (`0.0.0.0`: at all), with TLS and a key.',
      ),
    keys: z
      .record(KeyName, Sha256)
      .default({})
      .describe(
        'Who may ask a model from another machine: a name, and the SHA-256 of the key; `edge-train deployments key NAME` makes one. While a key is rotated, the old one and the new.',
      ),
    clients: z
      .array(z.cidrv4('a CIDR such as 10.20.0.0/16'))
      .default([])
      .describe(
        'From where: the VM’s security group lets these addresses reach `ports` while a model serves. Firewalls of existing hosts are their operator’s.',
      ),
    ports: z
      .strictObject({ from: Port.describe('The first.'), to: Port.describe('The last.') })
      .refine(({ from, to }) => from <= to, 'from must not be above to')
      .prefault({ from: 8100, to: 8199 })
      .describe('A model gets the lowest that is free, and keeps it.'),
    startSeconds: z.int().min(1).max(3600).default(300).describe('How long a service may take until it answers.'),
    probationSeconds: z
      .int()
      .min(0)
      .max(3600)
      .default(120)
      .describe('How long a new version is watched, with the traffic on it, before the old one goes.'),
  })
  .superRefine(({ listen, keys, clients }, context) => {
    if (listen === LOOPBACK) return;
    const missing = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    const elsewhere = `models that listen on ${listen} and not on loopback`;
    if (Object.keys(keys).length === 0) missing('keys', `${elsewhere} need at least one key`);
    if (clients.length === 0) missing('clients', `${elsewhere} need at least one range that may ask`);
  })
  .describe('How models serve.');
export type Deployments = z.infer<typeof Deployments>;
