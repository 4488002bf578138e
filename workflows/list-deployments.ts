import type { ServingList } from '../domain/cloud-deployment.ts';
import { DeploymentListRequest } from '../domain/deployment.ts';
import { parse } from '../domain/validation.ts';
import { cloudSteps, LIST_PATIENCE, siteSteps } from './steps.ts';
import { validInput } from './valid-input.ts';

/** What serves of a site's models: there, by its own record, and in the cloud. Changes nothing. @throws ApplicationFailure `InvalidInput` */
export async function listDeployments(request: unknown): Promise<ServingList> {
  const { site } = validInput(parse(DeploymentListRequest, request ?? {}));
  const [there, cloud] = await Promise.all([
    siteSteps(LIST_PATIENCE).listDeployments(site),
    cloudSteps(LIST_PATIENCE).listCloudDeployments(site),
  ]);
  return { site, deployments: [...there.deployments, ...cloud] };
}
