import type { ServingList } from '../domain/cloud-deployment.ts';
import { cloudSteps, LIST_PATIENCE, siteSteps } from './steps.ts';

/** What serves of a site's models: there, by its own record, and in the cloud, by the endpoints'. */
export async function whatServes(site: string): Promise<ServingList['deployments']> {
  const [there, cloud] = await Promise.all([
    siteSteps(LIST_PATIENCE).listDeployments(site),
    cloudSteps(LIST_PATIENCE).listCloudDeployments(site),
  ]);
  return [...there.deployments, ...cloud];
}
