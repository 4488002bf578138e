import { createReadStream } from 'node:fs';
import type { HostClaim, MachineConfig } from '../../../domain/machine-config.ts';
import { ServiceError } from '../../../services/errors.ts';
import type { SshEnd } from '../../../services/ssh.ts';
import type { SiteDependencies } from '../dependencies.ts';
import { writeClaim } from './claim.ts';
import type { RootShell } from './root-shell.ts';

/** Root's own; a bundle is there whole, under its digest, or not at all. */
const FOLDER = '/opt/edge-train/incoming';
const UPLOAD_SECONDS = 1800;
const INSTALL_SECONDS = 1800;
/** Exit code: while this attempt waited, another has installed the bundle and taken its archive away. */
const OVERTAKEN = 75;

/**
 * Sends the bundle and runs the extension's own installer, which gets its configuration by standard input. One at a time:
 * an attempt whose line was cut may still be at work there. @throws ServiceError `InstallFailed` (host)
 */
export async function installBundle(
  root: RootShell,
  { bundle }: SiteDependencies,
  config: MachineConfig,
  claim: Required<HostClaim>,
): Promise<void> {
  const { digest, path } = bundle;
  const archive = `${FOLDER}/${digest}.tar.gz`;
  const prepared = await root(`sh -c 'umask 022; mkdir -p ${FOLDER}; chmod 0700 ${FOLDER}; test -f ${archive}'`, {
    seconds: 60,
  });
  if (prepared.code !== 0) {
    const part = `${archive}.$$`;
    // A line that is cut is an end of the file to cat.
    const isWhole = `echo "${digest}  ${part}" | sha256sum --check --quiet -`;
    const command = `sh -c 'cat >${part} && ${isWhole} && mv ${part} ${archive} || { rm -f ${part}; exit 1; }'`;
    const input = createReadStream(path, { highWaterMark: 2 ** 20 });
    requireDone(claim.host, await root(command, { input, seconds: UPLOAD_SECONDS }));
  }
  // Read to its end before the first line runs, so that nothing that runs can read the rest.
  const script = `{\n${installation(archive, bundle.install(config), claim)}\n} </dev/null\n`;
  const command = `flock -w ${INSTALL_SECONDS} ${FOLDER}/lock sh -s`;
  requireDone(claim.host, await root(command, { input: [script], seconds: 2 * INSTALL_SECONDS }));
}

/** The claim names no worker until one is installed whole. */
function installation(archive: string, install: string, { site, host, worker }: Required<HostClaim>): string {
  return [
    'set -eu',
    'umask 022',
    `cd ${FOLDER}`,
    `test -f ${archive} || exit ${OVERTAKEN}`,
    writeClaim({ site, host }),
    `(\n${install}\n)`,
    `(umask 077\n${writeClaim({ site, host, worker })}\n)`,
    `rm -f ${archive}`,
    `find ${FOLDER} -name '*.tar.gz*' -mmin +60 -delete`,
  ].join('\n');
}

function requireDone(host: string, { code, stderr }: SshEnd): void {
  if (code === 0) return;
  if (code === OVERTAKEN) throw overtaken(host);
  const words = stderr.trim().slice(-500).trim();
  throw new ServiceError({
    class: 'host',
    type: 'InstallFailed',
    cause: `Installing the worker on the host ${host} ended with exit code ${code}${words ? `: ${words}` : ''}`,
    nextStep: 'The cause has the installer’s last words: correct the host or the site file, then start the run again.',
    retryable: false,
  });
}

function overtaken(host: string): ServiceError {
  return new ServiceError({
    class: 'host',
    type: 'InstallInterrupted',
    cause: `Another attempt to adopt the host ${host} has ended meanwhile.`,
    nextStep: 'It is tried again, and finds what the other has installed.',
    retryable: true,
  });
}
