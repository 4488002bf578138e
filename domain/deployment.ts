import { z } from 'zod';
import { AliasName } from './model-alias.ts';
import { ContainerImage, VersionNumber } from './model-version.ts';
import { JobId, ModelName, SiteName, VirtualMachineName } from './resource-names.ts';
import { MachinePlan } from './training-plan.ts';

/** The one JSON object that starts `deployModel`. */
export const DeployModelInput = z
  .strictObject({
    site: SiteName,
    model: ModelName,
    /** `cloud`: on a managed online endpoint of Azure ML, and no VM of the site. */
    to: z.literal('cloud').optional(),
    /** `rollback`: to the version that served before. `undeploy`: nothing of the model serves any more. */
    action: z.enum(['deploy', 'rollback', 'undeploy']).default('deploy'),
    /** Absent: the newest that is not archived. */
    version: VersionNumber.optional(),
    /** Instead: the version that this alias names when the deployment looks for it. */
    alias: AliasName.optional(),
    /** Absent: where the model serves already; else as `site.yml` has it. */
    virtualMachine: VirtualMachineName.optional(),
  })
  .superRefine(({ action, version, alias, virtualMachine, to }, context) => {
    const fault = (path: string, message = `is for deploy: ${action} goes by what is deployed`) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (version !== undefined && alias !== undefined) fault('alias', 'is instead of a version: name one of the two');
    if (action !== 'deploy' && alias !== undefined) fault('alias');
    if (to === 'cloud' && virtualMachine !== undefined) fault('virtualMachine', 'is for a site: the cloud has no VMs');
    if (action !== 'deploy' && version !== undefined) fault('version');
    if (action !== 'deploy' && virtualMachine !== undefined) fault('virtualMachine');
  });
export type DeployModelInput = z.infer<typeof DeployModelInput>;

/** An id of a service or of a front on a VM; as a job's. */
const Id = JobId;

/** Where an image is. */
const Image = ContainerImage.omit({ uploadedBytes: true });

/** One version that serves, or did. */
export const DeployedVersion = z.strictObject({
  version: VersionNumber,
  image: Image,
  service: Id,
  at: z.iso.datetime(),
});
export type DeployedVersion = z.infer<typeof DeployedVersion>;

/** Where a model is asked. Absent in records and results of a time when it was loopback of its VM only. */
const Reached = z.strictObject({
  /** `http://127.0.0.1:PORT` on the VM, or `https://ADDRESS:PORT`. */
  address: z.string().optional(),
  /** PEM: whom to trust there, where it is https. */
  certificate: z.string().optional(),
});

/** Where a front leads to a service, as the VM says. */
export const RoutedModel = z.strictObject({ port: z.int(), ...Reached.shape });
export type RoutedModel = z.infer<typeof RoutedModel>;

export const addressOf = ({ address, port }: RoutedModel): string => address ?? `http://127.0.0.1:${port}`;

/** What the site knows of a model that serves there, in a container of its own where no VM may write. */
export const DeploymentRecord = z.strictObject({
  site: SiteName,
  model: ModelName,
  virtualMachine: VirtualMachineName,
  port: z.int(),
  ...Reached.shape,
  current: DeployedVersion,
  /** What `rollback` goes back to. */
  previous: DeployedVersion.optional(),
});
export type DeploymentRecord = z.infer<typeof DeploymentRecord>;

/** Everything that is derived for one deployment. Made at the site from the input, `site.yml` and the record. */
export const DeploymentPlan = z.strictObject({
  /** Of this deployment: the lease's holder, and the service that it makes. */
  job: JobId,
  site: SiteName,
  model: ModelName,
  workflowId: z.string(),
  virtualMachine: MachinePlan,
  /** Of the model on that VM: it stays, whatever version serves. */
  front: Id,
  /** Where the site lets models listen; absent in plans of a time when it was loopback. */
  listen: z.string().optional(),
  /** What is to serve; absent: the newest version. */
  version: VersionNumber.optional(),
  /** Instead: what this alias names. */
  alias: AliasName.optional(),
  /** Of a rollback: what that version's image was, `sha256:…`. */
  digest: z.string().optional(),
  memoryMiB: z.int().min(64),
  /** How long a service may take until it answers. */
  startSeconds: z.int().min(1),
  /** How long a new version is watched before the old one goes. */
  probationSeconds: z.int().min(0),
  /** What serves now. */
  replaces: DeployedVersion.optional(),
  /** The VM is no more, and with it all that served there. */
  gone: z.literal(true).optional(),
});
export type DeploymentPlan = z.infer<typeof DeploymentPlan>;

/** Which version is to serve. */
export type WantedVersion = Pick<DeploymentPlan, 'site' | 'model' | 'version' | 'alias' | 'digest'>;

/** A version's image, and the job that made the version. */
export const ServingImage = z.strictObject({
  version: VersionNumber,
  job: JobId,
  image: Image,
});
export type ServingImage = z.infer<typeof ServingImage>;

/** What a new version was asked before it got any traffic. */
export const ServiceTest = z.strictObject({
  /** From the start until it answered. */
  startedInSeconds: z.number(),
  /** How many predictions were compared with those recorded when the model was trained; null: the model has none. */
  rows: z.int().min(0).nullable(),
});
export type ServiceTest = z.infer<typeof ServiceTest>;

export const DeployModelResult = z.strictObject({
  site: SiteName,
  model: ModelName,
  action: DeployModelInput.shape.action,
  to: DeployModelInput.shape.to,
  /** Where it serves on site. */
  virtualMachine: VirtualMachineName.optional(),
  /** Where it serves in the cloud. */
  endpoint: z.string().optional(),
  /** Absent where nothing serves any more. */
  version: VersionNumber.optional(),
  image: Image.optional(),
  /** Where it is asked on site, or the endpoint's scoring URI. */
  address: z.string().optional(),
  certificate: Reached.shape.certificate,
  test: ServiceTest.optional(),
  /** What served before. */
  replaced: VersionNumber.optional(),
});
export type DeployModelResult = z.infer<typeof DeployModelResult>;

/** What `listDeployments` starts with. */
export const DeploymentListRequest = z.strictObject({ site: SiteName });

/** The answer to `listDeployments`. */
export const DeploymentList = z.strictObject({ site: SiteName, deployments: z.array(DeploymentRecord) });
export type DeploymentList = z.infer<typeof DeploymentList>;

/** `runs/<job>/…` on site: rows and what the model made of them, which never leave. */
export const SmokeTest = z.looseObject({ predictions: z.array(z.unknown()).min(1) });
export type SmokeTest = z.infer<typeof SmokeTest>;

/** Where two predictions differ, by index and words that hold none of their values; undefined where they are equal. */
export function differenceOf(expected: readonly unknown[], given: unknown): string | undefined {
  if (!Array.isArray(given)) return 'the answer is no list of predictions';
  if (given.length !== expected.length) return `${given.length} predictions came, and ${expected.length} were recorded`;
  const wrong = expected.filter((value, index) => !isAlike(value, given[index])).length;
  return wrong === 0 ? undefined : `${wrong} of ${expected.length} predictions are not those that were recorded`;
}

/** Other processors round otherwise. */
const RELATIVE = 1e-5;
const ABSOLUTE = 1e-8;

function isAlike(expected: unknown, given: unknown): boolean {
  if (typeof expected === 'number' && typeof given === 'number')
    return Math.abs(expected - given) <= ABSOLUTE + RELATIVE * Math.abs(expected);
  if (Array.isArray(expected))
    return (
      Array.isArray(given) && given.length === expected.length && expected.every((each, i) => isAlike(each, given[i]))
    );
  if (typeof expected === 'object' && expected !== null) {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return false;
    const [one, other] = [expected as Record<string, unknown>, given as Record<string, unknown>];
    const keys = Object.keys(one);
    return (
      keys.length === Object.keys(other).length &&
      keys.every((key) => Object.hasOwn(other, key) && isAlike(one[key], other[key]))
    );
  }
  return expected === given;
}
