import { z } from 'zod';
import { SecretReference } from './secret.ts';

/** OpenSSH's line of an ed25519 public key: a fixed head, then the key's 32 bytes. */
const HostKey = z
  .string()
  .regex(
    /^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}( .*)?$/,
    'a host key is the line of /etc/ssh/ssh_host_ed25519_key.pub: ssh-ed25519 AAAA…',
  );

/**
 * A Linux machine of the operator's own, in `site.yml: hosts`. edge-train logs in over SSH to put its worker there, and never
 * starts, stops or deletes it.
 */
export const Host = z
  .strictObject({
    address: z
      .string()
      .max(253)
      .regex(/^[A-Za-z0-9]([\w.:-]*[A-Za-z0-9])?$/, 'a host name or an IP address')
      .describe('Where its sshd listens, as the site worker reaches it.'),
    port: z.int().min(1).max(65_535).default(22).describe('Its TCP port.'),
    username: z
      .string()
      .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'a Linux account: a-z, 0-9, _ and -, from a letter or _')
      .describe('root, or an account that sudo makes root: without a password, or with the one that stands here.'),
    hostKeys: z.array(HostKey).min(1).describe('What sshd must show one of, or nothing is sent to it.'),
    privateKey: SecretReference.optional().describe('An ed25519 key without a passphrase, in OpenSSH’s form.'),
    password: SecretReference.optional().describe('Only where the host takes no key.'),
    cores: z.int().min(1).describe('What jobs may count on; a host that has less is refused when it is adopted.'),
    memoryMiB: z.int().min(1024).describe('The same, of MemTotal in /proc/meminfo.'),
  })
  .refine(({ privateKey, password }) => (privateKey === undefined) !== (password === undefined), {
    path: ['privateKey'],
    message: 'give either privateKey or password, each by reference',
  });
export type Host = z.infer<typeof Host>;
