import type { CloudDeploymentPlan } from '../../../domain/cloud-deployment.ts';
import { deleteEndpoint } from '../../../services/machine-learning/online-endpoints.ts';
import type { Cloud } from '../cloud.ts';

/** The record goes with it. @throws ServiceError `EndpointTaken` (policy) */
export async function removeEndpoint(cloud: Cloud, { endpoint }: CloudDeploymentPlan): Promise<void> {
  await deleteEndpoint(await cloud.workspace(), endpoint, cloud.step);
}
