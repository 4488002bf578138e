import type { CloudEndpoints } from '../../contract/endpoint.ts';
import type { Cloud } from '../cloud.ts';
import { listCloudDeployments } from './list-cloud-deployments.ts';
import { makeCloudDeployment } from './make-cloud-deployment.ts';
import { planCloudDeployment } from './plan-cloud-deployment.ts';
import { recordCloudDeployment } from './record-cloud-deployment.ts';
import { removeCloudDeployment } from './remove-cloud-deployment.ts';
import { removeEndpoint } from './remove-endpoint.ts';
import { retireCloudDeployments } from './retire-cloud-deployments.ts';
import { routeEndpoint } from './route-endpoint.ts';
import { testCloudDeployment } from './test-cloud-deployment.ts';
import { verifyCloudImage } from './verify-cloud-image.ts';
import { watchCloudDeployment } from './watch-cloud-deployment.ts';

/** What the cloud worker can do with managed online endpoints. */
export const endpointActivities = (open: () => Promise<Cloud>): CloudEndpoints => ({
  planCloudDeployment: async (request) => planCloudDeployment(await open(), request),
  verifyCloudImage: async (request) => verifyCloudImage(await open(), request),
  makeCloudDeployment: async (request) => makeCloudDeployment(await open(), request),
  testCloudDeployment: async (request) => testCloudDeployment(await open(), request),
  routeEndpoint: async (request) => routeEndpoint(await open(), request),
  watchCloudDeployment: async (request) => watchCloudDeployment(await open(), request),
  recordCloudDeployment: async (request) => recordCloudDeployment(await open(), request),
  retireCloudDeployments: async (request) => retireCloudDeployments(await open(), request),
  removeCloudDeployment: async (request) => removeCloudDeployment(await open(), request),
  removeEndpoint: async (plan) => removeEndpoint(await open(), plan),
  listCloudDeployments: async (site) => listCloudDeployments(await open(), site),
});
