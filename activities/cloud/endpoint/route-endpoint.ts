import type { CloudDeploymentPlan, Traffic } from '../../../domain/cloud-deployment.ts';
import { findEndpoint, setTraffic } from '../../../services/machine-learning/online-endpoints.ts';
import type { Cloud } from '../cloud.ts';

/** @throws ServiceError `EndpointTaken` (policy), `EndpointGone` (host) */
export async function routeEndpoint(
  cloud: Cloud,
  { plan: { endpoint }, traffic }: { plan: CloudDeploymentPlan; traffic: Traffic },
): Promise<void> {
  const workspace = await cloud.workspace();
  const isNobody = Object.values(traffic).every((percent) => percent === 0);
  if (isNobody && !(await findEndpoint(workspace, endpoint))) return;
  await setTraffic(workspace, endpoint, traffic, cloud.step);
}
