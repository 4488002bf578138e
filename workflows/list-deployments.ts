import { DeploymentListRequest, type DeploymentList } from '../domain/deployment.ts';
import { parse } from '../domain/validation.ts';
import { LIST_PATIENCE, siteSteps } from './steps.ts';
import { validInput } from './valid-input.ts';

/** What serves at a site, by its own record. Changes nothing. @throws ApplicationFailure `InvalidInput` */
export async function listDeployments(request: unknown): Promise<DeploymentList> {
  const { site } = validInput(parse(DeploymentListRequest, request ?? {}));
  return siteSteps(LIST_PATIENCE).listDeployments(site);
}
