import { run } from './process.mjs';
import { onPath } from './system-packages.mjs';

/** What is missing for the OCI registry behind the sandbox's container registry. */
export function missingRegistry() {
  const why = 'an OCI registry, behind the sandbox’s container registry';
  return onPath('docker-registry') ? [] : [{ program: 'docker-registry', packages: ['docker-registry'], why }];
}

/** Debian starts its registry as a service on port 5000; the sandbox runs its own, so a fresh one is turned off. */
export async function quietRegistry() {
  await run('systemctl', ['disable', '--now', 'docker-registry.service']).catch(() => '');
}
