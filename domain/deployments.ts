import { z } from 'zod';
import { PublicKey } from './public-key.ts';
import { VirtualMachineName, VirtualMachineSizeName } from './resource-names.ts';

const Port = z.int().min(1024).max(65_535);

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
      .literal('127.0.0.1', 'must be 127.0.0.1: a model is asked on its VM only, since there is no TLS and no key yet')
      .default('127.0.0.1')
      .describe('Where models are asked: loopback of their VM, and no other place yet.'),
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
  .describe('How models serve.');
export type Deployments = z.infer<typeof Deployments>;
