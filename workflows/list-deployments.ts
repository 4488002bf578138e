import type { ServingList } from '../domain/cloud-deployment.ts';
import { DeploymentListRequest } from '../domain/deployment.ts';
import { parse } from '../domain/validation.ts';
import { validInput } from './valid-input.ts';
import { whatServes } from './what-serves.ts';

/** What serves of a site's models. Changes nothing. @throws ApplicationFailure `InvalidInput` */
export async function listDeployments(request: unknown): Promise<ServingList> {
  const { site } = validInput(parse(DeploymentListRequest, request ?? {}));
  return { site, deployments: await whatServes(site) };
}
