import type { CloudDeployedVersion, CloudDeploymentPlan } from '../../../domain/cloud-deployment.ts';
import type { DeployModelInput } from '../../../domain/deployment.ts';
import { siteOf } from '../../../domain/cloud-file.ts';
import { jobId, onlineEndpointName } from '../../../domain/resource-names.ts';
import { invalidInput, ServiceError } from '../../../services/errors.ts';
import { findEndpoint } from '../../../services/machine-learning/online-endpoints.ts';
import { sha256 } from '../../../services/signing.ts';
import type { Cloud } from '../cloud.ts';
import { readRecord } from './record.ts';

export interface CloudDeploymentRequest {
  readonly input: DeployModelInput;
  readonly workflowId: string;
  readonly originalExecutionRunId: string;
}

/**
 * What a deployment to the cloud is to do, by `cloud.yml` and by what serves now. Changes nothing.
 * @throws ServiceError `InvalidInput`, `CloudDeploymentsNotAllowed`, `EndpointTaken` (policy), `NotDeployed` (input)
 */
export async function planCloudDeployment(
  cloud: Cloud,
  { input, workflowId, originalExecutionRunId }: CloudDeploymentRequest,
): Promise<CloudDeploymentPlan> {
  const { site, model, action } = input;
  if (!siteOf(cloud.file.sites, site)) throw unknownSite(site);
  const terms = action === 'undeploy' ? NO_TERMS : termsOf(cloud);
  const workspace = await cloud.workspace();
  const endpoint = onlineEndpointName(sha256, workspace.resourceId, model);
  const there = await findEndpoint(workspace, endpoint);
  const { current, previous } = there ? readRecord(there) : {};
  if (action === 'undeploy' && !there) throw notDeployed(`the model ${model} has no endpoint`);
  if (action === 'rollback' && !previous)
    throw notDeployed(`no version of ${model} served there before ${current ? 'the one that does' : 'this'}`);
  const target: Partial<CloudDeployedVersion> = action === 'rollback' ? (previous ?? {}) : {};
  const version = target.version ?? input.version;
  return {
    job: jobId(sha256, workflowId, originalExecutionRunId),
    ...{ site, model, workflowId, endpoint, isNew: there === undefined, traffic: there?.traffic ?? {} },
    ...(version === undefined ? {} : { version }),
    ...(input.alias === undefined ? {} : { alias: input.alias }),
    ...(target.digest === undefined ? {} : { digest: target.digest }),
    instanceType: terms.instanceType,
    instanceCount: terms.instanceCount,
    startSeconds: terms.startSeconds,
    probationSeconds: terms.probationSeconds,
    ...(current ? { replaces: current } : {}),
  };
}

/** What is taken away needs no terms. */
const NO_TERMS = { instanceType: '', instanceCount: 1, startSeconds: 10, probationSeconds: 0 } as const;

function termsOf({ file }: Cloud) {
  if (file.deployments) return file.deployments;
  throw new ServiceError({
    class: 'policy',
    type: 'CloudDeploymentsNotAllowed',
    cause: 'The cloud worker deploys no model: cloud.yml has no deployments.',
    nextStep:
      'Ask the operator to add deployments (instanceType, imageKeys) to cloud.yml. Each instance is paid for by the hour.',
    retryable: false,
  });
}

const unknownSite = (site: string) =>
  invalidInput([{ path: 'site', rule: 'must be a site of cloud.yml', value: JSON.stringify(site) }]);

function notDeployed(why: string): ServiceError {
  return new ServiceError({
    class: 'input',
    type: 'NotDeployed',
    cause: `There is nothing to do in the cloud: ${why}.`,
    nextStep: '`edge-train deployments list` says what serves, and where.',
    retryable: false,
  });
}
