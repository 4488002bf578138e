import { docker, type Docker } from './docker.ts';
import { readState } from './state.ts';

/**
 * Removes what somebody pulled from the sandbox's registry, and containers that were made of it: with the registry its
 * names lose their meaning. Absent is fine.
 */
export async function removePulled(on: Docker, directory: string): Promise<void> {
  const port = registryPort(directory);
  if (port === undefined) return;
  const registry = `127.0.0.1:${port}/`;
  const all = await docker(on, ['image', 'ls', '--digests', '--format', '{{.Repository}} {{.Digest}} {{.Tag}}']);
  const named = all.split('\n').map((line) => line.split(' '));
  for (const [repository = '', digest = '', tag = ''] of named) {
    if (!repository.startsWith(registry)) continue;
    const image = digest === '<none>' ? `${repository}:${tag}` : `${repository}@${digest}`;
    const containers = await docker(on, ['ps', '--all', '--quiet', '--filter', `ancestor=${image}`]);
    if (containers) await docker(on, ['rm', '--force', '--volumes', ...containers.split('\n')]);
    await docker(on, ['image', 'rm', '--force', image]);
  }
}

/** Undefined also where the state cannot be read: a reset is what helps then. */
function registryPort(directory: string): number | undefined {
  try {
    return readState(directory)?.ports.registry;
  } catch {
    return undefined;
  }
}
