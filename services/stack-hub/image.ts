import { z } from 'zod';
import { ServiceError, toServiceError } from '../errors.ts';
import { COMPUTE_VERSION } from './compute.ts';
import { sendArm } from './request.ts';
import type { StackHub } from './session.ts';

const Versions = z.array(z.object({ name: z.string() }));

/**
 * The version that `publisher:offer:sku:version` stands for in the Stack Hub's marketplace (`latest` is the highest).
 * @throws ServiceError `ImageNotFound` (host)
 */
export async function findImage(hub: StackHub, image: string, signal?: AbortSignal): Promise<string> {
  const [publisher = '', offer = '', sku = '', version = ''] = image.split(':');
  const parts = { publishers: publisher, 'artifacttypes/vmimage/offers': offer, skus: sku };
  const place = Object.entries(parts).map(([kind, name]) => `${kind}/${encodeURIComponent(name)}`);
  const path = `/subscriptions/${hub.subscription}/providers/Microsoft.Compute/locations/${hub.location}/${place.join('/')}/versions`;
  const doing = `looking for the VM image ${image} on ${hub.endpoint}`;
  const { body } = await sendArm(hub, { method: 'GET', path, apiVersion: COMPUTE_VERSION, signal }, doing).catch(
    (error: unknown) => {
      throw error instanceof ServiceError && error.type === 'NotFound' ? absent(doing, 'there is none') : error;
    },
  );
  const names = Versions.parse(body)
    .map(({ name }) => name)
    .sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
  const found = version === 'latest' ? names.at(-1) : names.find((name) => name === version);
  if (found !== undefined) return found;
  throw absent(doing, `there are the versions ${names.join(', ') || 'none'}`);
}

const absent = (doing: string, why: string): ServiceError =>
  toServiceError(Object.assign(new Error(why), { code: 'ImageNotFound' }), doing);
