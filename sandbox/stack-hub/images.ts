import { Failure } from '../server/errors.ts';
import type { Hub } from './hub.ts';

export interface ImageReference {
  publisher: string;
  offer: string;
  sku: string;
  version: string;
}

/** The exact version of an image that the operator offers; `latest` is the highest. @throws Failure 404 */
export function exactVersion(hub: Hub, { publisher, offer, sku, version }: ImageReference): string {
  const offered = hub.config.vmImages.map(parseImage);
  const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();
  const ours = offered.filter(
    (each) => same(each.publisher, publisher) && same(each.offer, offer) && same(each.sku, sku),
  );
  const versions = ours
    .map((each) => each.version)
    .sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
  if (ours.length === 0) {
    throw new Failure(
      404,
      'PlatformImageNotFound',
      `The platform image '${publisher}:${offer}:${sku}:${version}' is not available. Verify that all fields in the storage profile are correct. For more details about storage profile information, please refer to https://aka.ms/storageprofile`,
      { target: 'imageReference' },
    );
  }
  if (same(version, 'latest')) return versions.at(-1)!;
  if (versions.includes(version)) return version;
  throw new Failure(
    404,
    'ImageVersionNotFound',
    `Artifact: VMImage ${publisher}:${offer}:${sku} version ${version} was not found. Versions: ${versions.join(', ')}.`,
    { target: 'imageReference' },
  );
}

/** `GET …/skus/{sku}/versions`: a bare array. @throws Failure 404 for a publisher, offer or SKU that is not offered */
export function imageVersions(hub: Hub, asked: Omit<ImageReference, 'version'> & { location: string }): object[] {
  const { publisher, offer, sku, location } = asked;
  const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();
  const offered = hub.config.vmImages
    .map(parseImage)
    .filter((each) => same(each.publisher, publisher) && same(each.offer, offer) && same(each.sku, sku));
  if (offered.length === 0 || !same(location, hub.config.location))
    throw new Failure(404, 'NotFound', `Artifact: VMImage was not found. ${publisher}:${offer}:${sku} in ${location}.`);
  const collection = `/Subscriptions/${hub.config.subscription}/Providers/Microsoft.Compute/Locations/${location}/Publishers/${publisher}/ArtifactTypes/VMImage/Offers/${offer}/Skus/${sku}/Versions`;
  return offered.map(({ version }) => ({ location, name: version, id: `${collection}/${version}` }));
}

export function parseImage(text: string): ImageReference {
  const [publisher, offer, sku, version] = text.split(':') as [string, string, string, string];
  // An operator's list may say `latest`; a real version stands behind it.
  return { publisher, offer, sku, version: version === 'latest' ? '1.0.0' : version };
}
