import type { TemporalCredential } from '../../domain/temporal-credential.ts';

/** Root's folder, so that the worker's user cannot lead root elsewhere; `workers/machine-credential.ts` reads the file. */
const FILE = '/etc/edge-train/credential.json';

/** What the VM extension (or an SSH session) runs as root with sh on a VM whose worker has no credential any more. */
export function installCredentialCommand(credential: TemporalCredential): string {
  const document = Buffer.from(JSON.stringify(credential)).toString('base64');
  return [
    'set -eu',
    'umask 077',
    'test -d /opt/edge-train/bundles',
    `printf %s '${document}' | base64 -d >${FILE}.new`,
    `chown edge-train:edge-train ${FILE}.new`,
    `mv ${FILE}.new ${FILE}`,
  ].join('\n');
}
