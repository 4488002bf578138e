import type { CloudDeploymentPlan } from '../../../domain/cloud-deployment.ts';
import { deleteDeployment } from '../../../services/machine-learning/online-deployments.ts';
import type { Cloud } from '../cloud.ts';

export async function removeCloudDeployment(
  cloud: Cloud,
  { plan: { endpoint }, deployment: name }: { plan: CloudDeploymentPlan; deployment: string },
): Promise<void> {
  await deleteDeployment(await cloud.workspace(), { endpoint, name }, cloud.step);
}
