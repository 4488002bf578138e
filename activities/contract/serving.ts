import type {
  DeployedVersion,
  DeploymentList,
  DeploymentPlan,
  DeploymentRecord,
  DeployModelInput,
  RoutedModel,
  ServiceTest,
  ServingImage,
  WantedVersion,
} from '../../domain/deployment.ts';
import type { SealedGrant } from '../../domain/grant.ts';
import type { JobId } from '../../domain/resource-names.ts';
import type { MachineKey } from '../../domain/virtual-machine.ts';

/** The verbs by which released models serve on site: parts of `activities/contract.ts`, under the same rules. */

export interface SiteServing {
  /** Everything that is derived for a deployment, from the site and its record. Changes nothing. */
  planDeployment(request: {
    input: DeployModelInput;
    workflowId: string;
    originalExecutionRunId: string;
  }): Promise<DeploymentPlan>;
  /** Reads the rows that the job recorded, for an hour, sealed to the VM; null: its model has none. */
  grantSmokeTest(request: { plan: DeploymentPlan; job: JobId; machineKey: MachineKey }): Promise<SealedGrant | null>;
  /**
   * Lets the site's `clients` reach the ports of models on the VM, where models listen beyond loopback and one serves there; else
   * nobody. `serves`: whether this one does. A host's network is its operator's: nothing is done there.
   */
  settleServingRule(request: { plan: DeploymentPlan; serves: boolean }): Promise<void>;
  /** The version serves from now on: what `rollback` and the VM's rest go by. */
  recordDeployment(
    request: RoutedModel & { plan: DeploymentPlan; deployed: DeployedVersion },
  ): Promise<DeploymentRecord>;
  /** Nothing of the model serves any more; absent is fine. */
  forgetDeployment(plan: DeploymentPlan): Promise<void>;
  listDeployments(site: string): Promise<DeploymentList>;
}

export interface CloudServing {
  /** The image of a version that Azure ML has and has not archived: the newest, where none is asked for. */
  findServingImage(wanted: WantedVersion): Promise<ServingImage>;
  /** The registry's short token for that one repository, which pulls and no more, sealed to the VM. */
  grantServingImage(request: { image: ServingImage['image']; machineKey: MachineKey }): Promise<SealedGrant>;
}

export interface EdgeServing {
  /** The image of a model's version, verified by the keys of the VM's policy file, pulled and sealed. */
  pullServingImage(
    request: Pick<ServingImage, 'image' | 'version'> & { model: string; grants: SealedGrant[] },
  ): Promise<{ cached: boolean }>;
  /** Beside what serves. `before`: the service that traffic goes to, null where there is none. */
  startService(request: { plan: DeploymentPlan; image: ServingImage['image'] }): Promise<{ before: string | null }>;
  /** Until it is well, then the recorded rows; without grants it is only waited for. */
  testService(request: { plan: DeploymentPlan; grants: SealedGrant[] }): Promise<ServiceTest>;
  /** Traffic goes there from now on. */
  routeService(request: { plan: DeploymentPlan; service: string }): Promise<RoutedModel>;
  /** For the plan's probation. Fails as `ServiceDied`. */
  watchService(request: RoutedModel & { plan: DeploymentPlan }): Promise<void>;
  /** What is under way ends first; absent is fine. */
  retireService(service: string): Promise<void>;
  /** All services of the model but the one that traffic goes to. */
  retireOthers(plan: Pick<DeploymentPlan, 'front'>): Promise<void>;
  /** Nobody is asked at the model's port any more; absent is fine. */
  unrouteModel(plan: Pick<DeploymentPlan, 'front'>): Promise<void>;
}
