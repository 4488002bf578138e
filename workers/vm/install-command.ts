import type { MachineConfig } from '../../domain/machine-config.ts';

/**
 * What the VM extension (or an SSH session, as root) runs with sh in the folder to which it downloaded the bundle, which is
 * there as `<digest>.tar.gz`. It holds the VM's private key, so it belongs into protected settings only. The bundle is
 * checked before anything of it runs; the configuration goes by a file that only root can read.
 */
export function installCommand(config: MachineConfig): string {
  const document = Buffer.from(JSON.stringify(config)).toString('base64');
  const archive = `${config.bundle}.tar.gz`;
  return [
    'set -eu',
    'umask 077',
    `echo '${config.bundle}  ${archive}' | sha256sum --check --quiet -`,
    'folder=$(mktemp -d /var/tmp/edge-train-install.XXXXXXXX)',
    `trap 'rm -rf "$folder"' EXIT`,
    `printf %s '${document}' | base64 -d >"$folder/config.json"`,
    `tar -xzf '${archive}' --occurrence=1 -C "$folder" install.py`,
    `python3 -I "$folder/install.py" '${archive}' "$folder/config.json"`,
  ].join('\n');
}
