import { ApplicationFailure } from '@temporalio/common';
import type { CloudEndpoints } from '../../../activities/contract/endpoint.ts';
import type { CloudDeploymentPlan, CloudDeploymentRecord, Traffic } from '../../../domain/cloud-deployment.ts';
import type { DeployModelInput } from '../../../domain/deployment.ts';
import * as samples from './samples.ts';

/** Online endpoints as Azure ML keeps them: deployments, traffic, and the record in their tags. */
export class EndpointWorld {
  /** Endpoint to its deployments and who is asked. */
  readonly endpoints = new Map<string, { deployments: Set<string>; traffic: Traffic }>();
  readonly records = new Map<string, CloudDeploymentRecord>();

  plan({ site, model, action, version }: DeployModelInput, workflowId: string, job: string): CloudDeploymentPlan {
    const record = this.records.get(model);
    const target = action === 'rollback' ? record?.previous : undefined;
    const wanted = target?.version ?? version;
    const there = this.endpoints.get(`et-${model}`);
    return {
      ...{ job, site, model, workflowId, endpoint: `et-${model}`, isNew: !there, traffic: { ...there?.traffic } },
      ...(wanted === undefined ? {} : { version: wanted }),
      ...(target ? { digest: target.digest } : {}),
      ...{ instanceType: 'Standard_DS2_v2', instanceCount: 1, startSeconds: 10, probationSeconds: 1 },
      ...(record ? { replaces: record.current } : {}),
    };
  }

  get verbs(): Omit<CloudEndpoints, 'planCloudDeployment'> {
    const { endpoints, records } = this;
    return {
      verifyCloudImage: async () => ({ keyId: samples.hex('c'), description: null }),
      makeCloudDeployment: async ({ plan: { endpoint }, deployment }) => {
        const there = endpoints.get(endpoint) ?? { deployments: new Set<string>(), traffic: {} };
        there.deployments.add(deployment);
        endpoints.set(endpoint, there);
      },
      testCloudDeployment: async ({ plan: { endpoint } }) => ({
        ...{ startedInSeconds: 1, rows: 2, address: `https://${endpoint}/score` },
      }),
      routeEndpoint: async ({ plan: { endpoint }, traffic }) => {
        const there = endpoints.get(endpoint);
        if (there) there.traffic = traffic;
      },
      watchCloudDeployment: async () => {},
      recordCloudDeployment: async ({ plan: { site, model, endpoint, replaces }, deployed }) => {
        const place = { to: 'cloud', site, model, endpoint, address: `https://${endpoint}/score` } as const;
        records.set(model, { ...place, current: deployed, ...(replaces ? { previous: replaces } : {}) });
      },
      retireCloudDeployments: async ({ plan, keep }) => {
        for (const name of endpoints.get(plan.endpoint)?.deployments ?? [])
          if (name !== keep) this.#remove(plan.endpoint, name);
      },
      removeCloudDeployment: async ({ plan: { endpoint }, deployment }) => this.#remove(endpoint, deployment),
      removeEndpoint: async ({ endpoint, model }) => {
        endpoints.delete(endpoint);
        records.delete(model);
      },
      listCloudDeployments: async () => [...records.values()],
    };
  }

  /** As Azure ML, none that is asked. */
  #remove(endpoint: string, name: string): void {
    const there = this.endpoints.get(endpoint);
    if (!there) return;
    if ((there.traffic[name] ?? 0) > 0) throw ApplicationFailure.nonRetryable(`${name} takes traffic`);
    there.deployments.delete(name);
  }
}
