import { armHandler, armHeaders, type ArmRoute } from '../server/arm.ts';
import { json, type Front } from '../server/front.ts';
import { checkBearer, type TokenKey } from '../server/tokens.ts';
import { adFs } from './ad-fs.ts';
import { computeRoutes } from './compute.ts';
import { firstGroup, groupRoutes } from './groups.ts';
import type { Hub } from './hub.ts';
import { hubAudience, metadataRoutes } from './metadata.ts';
import { networkRoutes } from './network.ts';
import { firstAccount, storageRoutes } from './storage.ts';

/** Stack Hub: ARM with AD FS beside it, as one front. */
export function stackHubFront(hub: Hub, key: TokenKey): Front {
  hub.store.commit([...firstGroup(hub), ...firstAccount(hub)]);
  const { clientId, clientSecret, subscription, location } = hub.config;
  const audience = hubAudience(hub);
  const tokens = { origin: hub.origin, clientId, clientSecret, audience, key };
  const expected = { issuer: `${hub.origin}/adfs`, audience: [audience], authority: `${hub.origin}/adfs` };
  const arm = armHandler({
    routes: [
      ...metadataRoutes(hub),
      ...providerRoutes(hub),
      ...groupRoutes(hub),
      ...networkRoutes(hub),
      ...computeRoutes(hub),
      ...storageRoutes(hub),
    ],
    subscription,
    location,
    checkToken: (authorization) => checkBearer(key, authorization, expected),
  });
  const isAdFs = (path: string) => /^\/adfs(\/|$)/i.test(path);
  return {
    name: 'stack-hub',
    dialect: (path) => (isAdFs(path) ? 'token' : /\/providers\/Microsoft\.Network\//i.test(path) ? 'network' : 'arm'),
    handle: (call) => (isAdFs(call.path) ? adFs(tokens, call) : arm(call)),
    headers: armHeaders,
  };
}

const providers: Record<string, Record<string, string[]>> = {
  'Microsoft.Resources': { resourceGroups: ['2019-10-01', '2016-06-01'] },
  'Microsoft.Network': {
    virtualNetworks: ['2018-11-01'],
    networkSecurityGroups: ['2018-11-01'],
    publicIPAddresses: ['2018-11-01'],
    networkInterfaces: ['2018-11-01'],
  },
  'Microsoft.Compute': {
    virtualMachines: ['2020-06-01'],
    'virtualMachines/extensions': ['2020-06-01'],
    disks: ['2019-07-01'],
  },
  'Microsoft.Storage': { storageAccounts: ['2019-06-01'] },
};

/** What a client may probe: the registered providers with their api-versions. */
function providerRoutes(hub: Hub): ArmRoute[] {
  const path = '/subscriptions/{subscriptionId}/providers';
  const versions = ['2019-10-01', '2016-06-01'];
  const all = Object.entries(providers).map(([namespace, types]) => ({
    id: `/subscriptions/${hub.config.subscription}/providers/${namespace}`,
    namespace,
    registrationState: 'Registered',
    resourceTypes: Object.entries(types).map(([resourceType, apiVersions]) => ({
      resourceType,
      locations: [hub.config.location],
      apiVersions,
    })),
  }));
  return [{ method: 'GET', path, versions, handle: () => json(200, { value: all }) }];
}
