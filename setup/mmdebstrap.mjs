import { onPath } from './system-packages.mjs';

/** What is missing to make root file systems. */
export function missingMmdebstrap() {
  const why = 'makes the Debian root file systems of VMs and model images';
  return onPath('mmdebstrap')
    ? []
    : [{ program: 'mmdebstrap', packages: ['mmdebstrap', 'debian-archive-keyring'], why }];
}
