import { generateKeyPair, type JsonWebKey } from 'node:crypto';
import { promisify } from 'node:util';
import { machineResources } from '../../domain/resource-names.ts';
import { networkAddresses, ownerTags } from './network.ts';
import { resourceId, type Resource } from './resource.ts';
import type { StackHub } from './session.ts';

export interface MachineRequest {
  readonly name: string;
  readonly size: string;
  /** publisher:offer:sku:version */
  readonly image: string;
  /** Names the request that makes the VM, over all its attempts: who finds it in the tag has made the VM. */
  readonly request: string;
  /** Set where the image takes no SSH key. */
  readonly password?: string | undefined;
}

/** The tag that tells which request made a VM. */
export const REQUEST_TAG = 'edge-train-request';

const ADMIN = 'edgetrain';

/**
 * The body of a VM. Nobody logs in to it: password login is off, unless the image takes nothing else, and Azure's demand for
 * one SSH key is met by a public key whose private half is thrown away here. A VM that is there (a PUT after a failure) keeps its key, which cannot be changed.
 */
export async function machineBody(
  hub: StackHub,
  request: MachineRequest,
  existing: Resource | undefined,
): Promise<object> {
  const [publisher, offer, sku, version] = request.image.split(':');
  return {
    location: hub.location,
    tags: { ...ownerTags(request.name), [REQUEST_TAG]: request.request },
    properties: {
      hardwareProfile: { vmSize: request.size },
      storageProfile: {
        imageReference: { publisher, offer, sku, version },
        osDisk: {
          name: machineResources(request.name).osDisk,
          createOption: 'FromImage',
          caching: 'ReadWrite',
          managedDisk: { storageAccountType: 'Standard_LRS' },
        },
      },
      osProfile: {
        computerName: request.name,
        adminUsername: ADMIN,
        ...(request.password === undefined ? await keyLogin(existing) : passwordLogin(request.password)),
      },
      networkProfile: {
        networkInterfaces: [
          { id: resourceId(hub, networkAddresses(request.name).networkInterface), properties: { primary: true } },
        ],
      },
    },
  };
}

async function keyLogin(existing: Resource | undefined): Promise<object> {
  const path = `/home/${ADMIN}/.ssh/authorized_keys`;
  const publicKeys = [{ path, keyData: keptKey(existing) ?? (await orphanKey()) }];
  return { linuxConfiguration: { disablePasswordAuthentication: true, ssh: { publicKeys } } };
}

const passwordLogin = (adminPassword: string): object => ({
  adminPassword,
  linuxConfiguration: { disablePasswordAuthentication: false },
});

function keptKey(existing: Resource | undefined): string | undefined {
  const os = existing?.properties['osProfile'] as
    { linuxConfiguration?: { ssh?: { publicKeys?: { keyData?: string }[] } } } | undefined;
  return os?.linuxConfiguration?.ssh?.publicKeys?.[0]?.keyData;
}

/** An OpenSSH RSA key line (RFC 4253, 6.6): Stack Hub takes no other kind, and none below 2048 bits. */
async function orphanKey(): Promise<string> {
  const { publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const { e, n } = publicKey.export({ format: 'jwk' }) as JsonWebKey & { e: string; n: string };
  const fields = [Buffer.from('ssh-rsa'), Buffer.from(e, 'base64url'), positive(Buffer.from(n, 'base64url'))];
  return `ssh-rsa ${Buffer.concat(fields.flatMap((field) => [length(field), field])).toString('base64')}`;
}

function length(field: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(field.length);
  return bytes;
}

/** An SSH mpint with its first bit set would be negative. */
function positive(number: Buffer): Buffer {
  return (number[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), number]) : number;
}
