import type { MachineConfig } from '../../domain/machine-config.ts';

/**
 * What the extension runs as root, in the folder into which it downloaded the bundle. The digest is checked before anything of
 * the bundle runs, since VMs may write to the container that it came from. The configuration stands in the script alone, which
 * is root's file: no argument, no environment, no log.
 */
export function installScript(config: MachineConfig): string {
  const archive = `${config.bundle}.tar.gz`;
  return `#!/bin/sh
set -eu
umask 077
printf '%s  %s\\n' '${config.bundle}' '${archive}' | sha256sum -c --status - || {
  echo 'the bundle is not the one that the site sent: its SHA-256 differs' >&2
  exit 20
}
trap 'rm -f edge-train-config.json' EXIT
base64 -d > edge-train-config.json <<'END'
${base64Lines(JSON.stringify(config))}
END
tar -xzOf '${archive}' install.py > edge-train-install.py
python3 -I edge-train-install.py '${archive}' edge-train-config.json
`;
}

function base64Lines(text: string): string {
  return (
    Buffer.from(text)
      .toString('base64')
      .match(/.{1,76}/g) ?? []
  ).join('\n');
}
