import type {
  CloudDeployedVersion,
  CloudDeploymentPlan,
  CloudDeploymentRecord,
  Traffic,
  VerifiedServingImage,
} from '../../domain/cloud-deployment.ts';
import type { DeployModelInput, ServiceTest, ServingImage } from '../../domain/deployment.ts';

/** One online deployment of a plan's endpoint. */
export interface CloudDeployment {
  readonly plan: CloudDeploymentPlan;
  readonly found: ServingImage;
  /** Its name. */
  readonly deployment: string;
}

/**
 * The verbs by which released models serve on managed online endpoints: parts of `activities/contract.ts`, under the same
 * rules. An endpoint's key is read where it is used, and is in no request and no result.
 */
export interface CloudEndpoints {
  /** Everything that is derived for a deployment, from `cloud.yml` and the endpoint. Changes nothing. */
  planCloudDeployment(request: {
    input: DeployModelInput;
    workflowId: string;
    originalExecutionRunId: string;
  }): Promise<CloudDeploymentPlan>;
  /** Signature, provenance, SBOM, receipt and each of the model's files, by the keys of `cloud.yml`. */
  verifyCloudImage(request: { plan: CloudDeploymentPlan; found: ServingImage }): Promise<VerifiedServingImage>;
  /** Endpoint, environment and deployment, without traffic; returns when its server is ready. Minutes. */
  makeCloudDeployment(request: CloudDeployment): Promise<void>;
  /** Asks this deployment, and no other, for predictions of made-up rows. Fails as `SmokeTestFailed`. */
  testCloudDeployment(
    request: CloudDeployment & Pick<VerifiedServingImage, 'description'>,
  ): Promise<ServiceTest & { address: string }>;
  /** All of it or none, from now on. Where none is asked for, an endpoint that is not there is fine. */
  routeEndpoint(request: { plan: CloudDeploymentPlan; traffic: Traffic }): Promise<void>;
  /** For the plan's probation, by the endpoint's own way. Fails as `ServiceDied`. */
  watchCloudDeployment(request: CloudDeployment & Pick<VerifiedServingImage, 'description'>): Promise<void>;
  /** The version serves from now on: what `rollback` goes by. */
  recordCloudDeployment(request: { plan: CloudDeploymentPlan; deployed: CloudDeployedVersion }): Promise<void>;
  /** All deployments of the endpoint but this one. */
  retireCloudDeployments(request: { plan: CloudDeploymentPlan; keep: string }): Promise<void>;
  /** Absent is fine. */
  removeCloudDeployment(request: { plan: CloudDeploymentPlan; deployment: string }): Promise<void>;
  /** With all its deployments; absent is fine. */
  removeEndpoint(plan: CloudDeploymentPlan): Promise<void>;
  listCloudDeployments(site: string): Promise<CloudDeploymentRecord[]>;
}
