import type { CloudDeploymentRecord } from '../../../domain/cloud-deployment.ts';
import { listEndpoints } from '../../../services/machine-learning/online-endpoints.ts';
import type { Cloud } from '../cloud.ts';
import { deploymentRecord } from './record.ts';

/** Of this site's models, what serves in the workspace. */
export async function listCloudDeployments(cloud: Cloud, site: string): Promise<CloudDeploymentRecord[]> {
  const records = (await listEndpoints(await cloud.workspace())).flatMap(
    (endpoint) => deploymentRecord(endpoint) ?? [],
  );
  return records.filter((record) => record.site === site);
}
