import type { ArmRoute } from '../server/arm.ts';
import { json } from '../server/front.ts';
import type { Hub } from './hub.ts';

/** The audience that tokens for this Stack Hub's ARM carry. Clients learn it here. */
export function hubAudience(hub: Pick<Hub, 'config'>): string {
  return `https://management.adfs.${hub.config.location}.stackhub.example/${hub.config.subscription}`;
}

/** GET /metadata/endpoints: an object in 2015-01-01, an array in 2019-10-01. No token. */
export function metadataRoutes(hub: Hub): ArmRoute[] {
  const host = new URL(hub.origin).host;
  const authentication = { loginEndpoint: `${hub.origin}/adfs`, audiences: [hubAudience(hub)] };
  const old = {
    galleryEndpoint: `${hub.origin}/gallery/`,
    graphEndpoint: `${hub.origin}/graph/`,
    portalEndpoint: `${hub.origin}/portal/`,
    authentication,
  };
  const cloud = {
    portal: `${hub.origin}/portal/`,
    authentication: { ...authentication, tenant: 'adfs', identityProvider: 'ADFS' },
    graph: `${hub.origin}/graph/`,
    graphAudience: `${hub.origin}/graph/`,
    name: 'AzureStack-User-Sandbox',
    suffixes: { storage: new URL(hub.blobOrigin).host, keyVaultDns: `vault.${host}` },
    gallery: `${hub.origin}/gallery/`,
  };
  return [
    {
      ...{ method: 'GET', path: '/metadata/endpoints', anonymous: true },
      versions: ['2015-01-01', '1.0', '2019-10-01'],
      handle: (call) => json(200, call.query.get('api-version') === '2019-10-01' ? [cloud] : old),
    },
  ];
}
