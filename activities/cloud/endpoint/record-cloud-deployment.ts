import type { CloudDeployedVersion, CloudDeploymentPlan } from '../../../domain/cloud-deployment.ts';
import { findEndpoint, tagEndpoint } from '../../../services/machine-learning/online-endpoints.ts';
import type { Cloud } from '../cloud.ts';
import { readRecord, recordTags } from './record.ts';

/** What served before becomes what `rollback` goes back to; the same version deployed anew leaves that as it was. */
export async function recordCloudDeployment(
  cloud: Cloud,
  { plan, deployed }: { plan: CloudDeploymentPlan; deployed: CloudDeployedVersion },
): Promise<void> {
  const { site, model, endpoint, replaces } = plan;
  const workspace = await cloud.workspace();
  const there = await findEndpoint(workspace, endpoint);
  const before = there && readRecord(there);
  if (before?.current?.deployment === deployed.deployment) return;
  const previous = replaces && replaces.version !== deployed.version ? replaces : before?.previous;
  await tagEndpoint(
    workspace,
    endpoint,
    recordTags({ site, model, current: deployed, ...(previous ? { previous } : {}) }),
  );
}
