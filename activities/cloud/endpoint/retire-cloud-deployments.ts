import type { CloudDeploymentPlan } from '../../../domain/cloud-deployment.ts';
import { deleteDeployment, listDeployments } from '../../../services/machine-learning/online-deployments.ts';
import type { Cloud } from '../cloud.ts';

/** What a run that was terminated left goes too. */
export async function retireCloudDeployments(
  cloud: Cloud,
  { plan: { endpoint }, keep }: { plan: CloudDeploymentPlan; keep: string },
): Promise<void> {
  const workspace = await cloud.workspace();
  for (const name of await listDeployments(workspace, endpoint))
    if (name !== keep) await deleteDeployment(workspace, { endpoint, name }, cloud.step);
}
