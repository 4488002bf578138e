import { CloudDeployedVersion, type CloudDeploymentRecord } from '../../../domain/cloud-deployment.ts';
import type { OnlineEndpoint } from '../../../services/machine-learning/online-endpoints.ts';

/** What serves is written on the endpoint itself, where it goes when the endpoint does. A tag holds 256 characters. */
export interface EndpointRecord {
  readonly site: string;
  readonly model: string;
  readonly current?: CloudDeployedVersion;
  readonly previous?: CloudDeployedVersion;
}

export function recordTags({ site, model, current, previous }: EndpointRecord): Record<string, string> {
  return {
    ...{ site, model },
    ...(current ? { current: JSON.stringify(current) } : {}),
    ...(previous ? { previous: JSON.stringify(previous) } : {}),
  };
}

export function readRecord({ tags }: OnlineEndpoint): EndpointRecord {
  const [current, previous] = [deployed(tags['current']), deployed(tags['previous'])];
  return {
    ...{ site: tags['site'] ?? '', model: tags['model'] ?? '' },
    ...(current ? { current } : {}),
    ...(previous ? { previous } : {}),
  };
}

/** Undefined where no version has held yet. */
export function deploymentRecord(endpoint: OnlineEndpoint): CloudDeploymentRecord | undefined {
  const { site, model, current, previous } = readRecord(endpoint);
  if (!current) return undefined;
  const place = { to: 'cloud', site, model, endpoint: endpoint.name, address: endpoint.scoringUri } as const;
  return { ...place, current, ...(previous ? { previous } : {}) };
}

/** People may write tags; what is not as it was written is none. */
function deployed(text: string | undefined): CloudDeployedVersion | undefined {
  try {
    return CloudDeployedVersion.safeParse(JSON.parse(text ?? '')).data;
  } catch {
    return undefined;
  }
}
