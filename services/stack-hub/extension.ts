import { InstalledWorker } from '../../domain/machine-config.ts';
import { machineResources } from '../../domain/resource-names.ts';
import { COMPUTE_VERSION, machineAddress } from './compute.ts';
import { ownerTags } from './network.ts';
import { getResource, type Address, type Resource } from './resource.ts';
import type { StackHub } from './session.ts';

export interface ScriptRequest {
  readonly worker: InstalledWorker;
  /** Downloaded by the VM's agent; each carries a SAS. */
  readonly fileUris: readonly string[];
  /** A shell script. It goes as `script`, which the handler runs from a file: `commandToExecute` would stand in argv. */
  readonly script: string;
  /** It only puts a new credential on the VM: whatever becomes of it, the worker stays as it is. */
  readonly credentialOnly?: boolean;
}

const BUNDLE_TAG = 'edge-train-bundle';
const KEY_TAG = 'edge-train-public-key';
const CONFIG_TAG = 'edge-train-config';
const CREDENTIAL_TAG = 'edge-train-credential-expires';
const ONLY_TAG = 'edge-train-credential-only';

export const extensionAddress = (machine: string): Address => ({
  path: `${machineAddress(machine).path}/extensions/${machineResources(machine).extension}`,
  apiVersion: COMPUTE_VERSION,
});

/**
 * CustomScript 2.1 for Linux. Its handler refuses public settings that it does not know (its JSON schema says
 * `additionalProperties: false`), so what GET must show is in tags; everything else is in protected settings, which are
 * encrypted for the VM and never shown.
 */
export function extensionBody(hub: StackHub, machine: string, script: ScriptRequest): object {
  const { bundle, publicKey, config, credentialExpires } = script.worker;
  return {
    location: hub.location,
    tags: {
      ...ownerTags(machine),
      [BUNDLE_TAG]: bundle,
      [KEY_TAG]: `${publicKey.x}.${publicKey.y}`,
      [CONFIG_TAG]: config,
      ...(credentialExpires === undefined ? {} : { [CREDENTIAL_TAG]: credentialExpires }),
      ...(script.credentialOnly ? { [ONLY_TAG]: 'yes' } : {}),
    },
    properties: {
      publisher: 'Microsoft.Azure.Extensions',
      type: 'CustomScript',
      typeHandlerVersion: '2.1',
      autoUpgradeMinorVersion: true,
      forceUpdateTag: credentialExpires === undefined ? config : `${config}-${credentialExpires}`,
      settings: {},
      protectedSettings: { fileUris: script.fileUris, script: Buffer.from(script.script).toString('base64') },
    },
  };
}

/** What ARM knows of the worker on a VM: undefined when none was installed whole. @throws ServiceError */
export async function findInstalledWorker(
  hub: StackHub,
  machine: string,
  signal?: AbortSignal,
): Promise<InstalledWorker | undefined> {
  const extension = await getResource(hub, extensionAddress(machine), signal);
  return extension && installedWorker(extension);
}

/** Of one that has not succeeded, what was there before: nothing, or the worker that it brings a credential for. */
export function installedWorker(extension: Resource): InstalledWorker | undefined {
  const succeeded = extension.properties.provisioningState === 'Succeeded';
  if (!succeeded && extension.tags?.[ONLY_TAG] === undefined) return undefined;
  const [x, y] = (extension.tags?.[KEY_TAG] ?? '').split('.');
  const read = InstalledWorker.safeParse({
    bundle: extension.tags?.[BUNDLE_TAG],
    config: extension.tags?.[CONFIG_TAG],
    publicKey: { kty: 'EC', crv: 'P-256', x, y },
    ...(succeeded ? { credentialExpires: extension.tags?.[CREDENTIAL_TAG] } : {}),
  });
  return read.success ? read.data : undefined;
}
