import { hkdfSync } from 'node:crypto';

/**
 * A VM's password, for images that take no SSH key. Nobody logs in with it. It comes from a secret of the site's and the VM's
 * name: so a request that is sent again carries the same one, as Azure demands, and it is kept nowhere. 47 characters of four
 * kinds, which is within the 6 to 72 and the three kinds that Azure wants.
 */
export function loginPassword(secret: string, site: string, machine: string): string {
  const bytes = hkdfSync('sha256', secret, '', `edge-train password of the VM ${machine} of ${site}`, 32);
  return `${Buffer.from(bytes).toString('base64url')}-aA1`;
}
