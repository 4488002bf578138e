import { ServiceError } from '../../../services/errors.ts';
import { askPackageIndex, indexTarget } from '../../../services/package-index.ts';
import { connectThroughUplink } from '../../../services/uplink.ts';
import { needs, NotChecked, once, type CheckWork } from '../../checks.ts';
import type { SiteSession } from '../site-session.ts';

/** A VM's ways out, tried from here: Temporal, the package index, registries, the release account (which the cloud worker names). */
export function uplinkChecks({ site, ca }: SiteSession, release: string | undefined): CheckWork[] {
  const { uplink, packageIndex, temporal } = site;
  const open = (target: string) => connectThroughUplink(uplink, target);
  const index = once(() => open(indexTarget(packageIndex)));
  return [
    way('Temporal', temporal.address, () => open(temporal.address)),
    way('package index', indexTarget(packageIndex), index),
    {
      name: 'package index',
      look: async () => {
        await askPackageIndex(packageIndex, await needs('the uplink to it', index()), ca);
        return `${packageIndex} answers through the uplink`;
      },
    },
    ...site.registries.map(({ host }) => {
      const target = /:\d+$/.test(host) ? host : `${host}:443`;
      return way(`registry ${host}`, target, () => open(target));
    }),
    release === undefined
      ? { name: 'uplink to release account', look: () => Promise.reject(unnamed) }
      : way('release account', release, () => open(checkedTarget(release))),
  ];
}

const way = (name: string, target: string, open: () => Promise<{ destroy(): void }>): CheckWork => ({
  name: `uplink to ${name}`,
  look: async () => {
    const socket = await open();
    if (name !== 'package index') socket.destroy(); // that one goes on to ask the index
    return `${target} is let through`;
  },
});

const unnamed = new NotChecked('not checked: the cloud worker did not name the account');

/** It came from a workflow, and stands in the head of a request. */
function checkedTarget(target: string): string {
  if (/^[\w.-]+:\d{1,5}$/.test(target)) return target;
  throw new ServiceError({
    class: 'input',
    type: 'InvalidInput',
    cause: 'The release account’s address is not HOST:PORT.',
    nextStep: 'Correct release.blobEndpoint in cloud.yml.',
    retryable: false,
  });
}
