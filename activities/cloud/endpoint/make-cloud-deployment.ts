import { environmentAsset } from '../../../domain/resource-names.ts';
import { ensureEnvironment } from '../../../services/machine-learning/environments.ts';
import { ensureDeployment } from '../../../services/machine-learning/online-deployments.ts';
import { ensureEndpoint } from '../../../services/machine-learning/online-endpoints.ts';
import type { CloudDeployment } from '../../contract/endpoint.ts';
import type { Cloud } from '../cloud.ts';
import { recordTags } from './record.ts';

/** Beside what serves. @throws ServiceError `EndpointTaken`, `EnvironmentTaken` (policy), `DeploymentFailed` (host) */
export async function makeCloudDeployment(cloud: Cloud, { plan, found, deployment }: CloudDeployment): Promise<void> {
  const { endpoint, site, model } = plan;
  const { registry, repository, digest } = found.image;
  const workspace = await cloud.workspace();
  await ensureEndpoint(workspace, { name: endpoint, tags: recordTags({ site, model }) }, cloud.step);
  const asset = environmentAsset(model, found.version, digest);
  const environmentId = await ensureEnvironment(workspace, { ...asset, image: `${registry}/${repository}@${digest}` });
  await ensureDeployment(
    workspace,
    {
      ...{ endpoint, name: deployment, environmentId },
      ...{ instanceType: plan.instanceType, instanceCount: plan.instanceCount, startSeconds: plan.startSeconds },
      tags: { site, model, version: String(found.version), job: found.job, digest },
    },
    cloud.step,
  );
}
