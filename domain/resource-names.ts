import { z } from 'zod';

/**
 * Every name and idempotency key of the system, and the rules that Azure sets for them.
 * Whatever needs a hash takes it as an argument: workflows import this file and must not hash.
 */

const name = (pattern: RegExp, rule: string) => z.string().regex(pattern, rule);

export const SiteName = name(
  /^[a-z][a-z0-9-]{0,22}[a-z0-9]$/,
  'a site name is 2 to 24 of a-z, 0-9 and -, from a letter',
);
/** Azure ML asset names: Microsoft.MachineLearningServices `models/{name}`; the lower-case subset is also an OCI path. */
export const ModelName = name(
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  'a model name is 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends',
);
/** Azure: a Linux VM's name has at most 64 characters; 40 leaves room for what is derived from it. */
export const VirtualMachineName = name(
  /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/,
  'a VM name is 1 to 40 of a-z, 0-9 and -, from a letter, not ending in -',
);
export const VirtualMachineSizeName = name(/^[A-Za-z][A-Za-z0-9_]{1,63}$/, 'a VM size looks like Standard_DS2_v2');
export const Repository = name(
  /^(?=.{1,200}$)[a-z0-9]+([._-][a-z0-9]+)*(\/[a-z0-9]+([._-][a-z0-9]+)*)*$/,
  'a repository is lower-case path parts joined by / and names no registry host',
);
export const Identifier = name(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'a name is a letter or _, then letters, digits or _');
export const Sha256 = name(/^[0-9a-f]{64}$/, 'a SHA-256 is 64 of 0-9 and a-f');
export const JobId = name(/^[0-9a-f]{20}$/, 'a job is 20 of 0-9 and a-f');
export type JobId = z.infer<typeof JobId>;

/** A hash to 64 hex digits (SHA-256), given by the caller. */
export type Hash = (text: string) => string;

/** Names the unit, the SAS paths, the `job` tag and the receipt. A reset keeps it, a new start gets a new one. */
export function jobId(hash: Hash, workflowId: string, originalExecutionRunId: string): JobId {
  return hash(`${workflowId}\n${originalExecutionRunId}`).slice(0, 20);
}

/** `inputDigest`: SHA-256 of the input's canonical JSON. Starting what is running returns it. */
export function trainWorkflowId(site: string, model: string, inputDigest: string): string {
  return `train-${site}-${model}-${inputDigest.slice(0, 12)}`;
}

/** Of the runs that a schedule starts; Temporal appends the time: `train-demo-heart-nightly-2026-01-01T03:00:00Z`. */
export function scheduledWorkflowId(site: string, model: string, schedule: string): string {
  return `train-${site}-${model}-${schedule}`;
}

/** A trial's workflow: a child of its sweep's. */
export const trialWorkflowId = (sweep: string, number: number): string => `${sweep}-trial-${number}`;

/** One at a time for a model; in the cloud beside its site. No model's name has a dot. */
export const deployWorkflowId = (site: string, model: string, to?: 'cloud'): string =>
  `deploy-${site}-${model}${to === undefined ? '' : `.${to}`}`;
/** Azure ML: 3 to 32 letters, digits and -, from a letter; nobody else's in the Azure region. */
export const onlineEndpointName = (hash: Hash, workspace: string, model: string): string =>
  `et-${model.slice(0, 18).replace(/-+$/, '')}-${hash(`endpoint\n${workspace.toLowerCase()}\n${model}`).slice(0, 10)}`;
/** The same limits: a deployment of one version by one run of `deployModel`. */
export const onlineDeploymentName = (version: number, job: JobId): string => `v${version}-${job.slice(0, 8)}`;
/** Of an image as Azure ML's environment. */
export const environmentAsset = (model: string, version: number, digest: string) => ({
  name: `edge-train-${model}`,
  version: `v${version}-${digest.slice('sha256:'.length, 19)}`,
});
/** Asking for the same change while it goes on is one request. `digest`: SHA-256 of the input's canonical JSON. */
export const changeWorkflowId = (site: string, model: string, digest: string): string =>
  `change-${site}-${model}-${digest.slice(0, 12)}`;
export const cleanWorkflowId = (site: string, digest: string): string => `clean-${site}-${digest.slice(0, 12)}`;
/** Of a model's front on a VM. */
export const frontId = (hash: Hash, site: string, model: string): JobId =>
  hash(`front\n${site}\n${model}`).slice(0, 20);
export const virtualMachineWorkflowId = (machine: string): string => `vm-${machine}`;
/** Of the workflow that carries a job's numbers to Azure ML: a child of its run's. */
export const metricsWorkflowId = (job: JobId): string => `metrics-${job}`;
export const modelWorkflowId = (model: string): string => `model-${model}`;

/** For a job that outgrew its VM: `demo-ds2-v2` for `demo-ds1-v2`, and `trainer-ds2-v2` for `trainer`. */
export function enlargedMachineName(
  site: string,
  machine: { readonly name: string; readonly size: { readonly name: string } },
  size: string,
): string {
  const before = virtualMachineName(site, machine.size.name);
  const after = virtualMachineName(site, size);
  if (machine.name.startsWith(before)) return `${after}${machine.name.slice(before.length)}`;
  const ending = after.slice(site.length);
  const old = before.slice(site.length);
  const base = machine.name.endsWith(old) ? machine.name.slice(0, -old.length) : machine.name;
  return `${base.slice(0, 40 - ending.length)}${ending}`;
}

/** `demo` and `Standard_DS2_v2` make `demo-ds2-v2`. */
export function virtualMachineName(site: string, size: string): string {
  const short = size
    .replace(/^(Standard|Basic)_/i, '')
    .toLowerCase()
    .replaceAll('_', '-');
  return `${site}-${short}`.slice(0, 40).replace(/-+$/, '');
}

/** The VM of a sweep's slot; the first is the VM itself. */
export const numberedMachine = (machine: string, slot: number): string =>
  slot === 1 ? machine : `${machine.slice(0, 36).replace(/-+$/, '')}-${slot}`;

/** Azure ML: 2 to 16 of letters, digits and -, from a letter. Too long a name keeps its head and gets 5 hex of its hash. */
export function computeTargetName(hash: Hash, machine: string): string {
  return machine.length <= 16 ? machine : `${machine.slice(0, 10).replace(/-+$/, '')}-${hash(machine).slice(0, 5)}`;
}

/** The resources that belong to a VM, all in its resource group. */
export function machineResources(machine: string) {
  return {
    virtualNetwork: `${machine}-vnet`,
    subnet: 'default',
    securityGroup: `${machine}-nsg`,
    networkInterface: `${machine}-nic`,
    publicAddress: `${machine}-ip`,
    osDisk: `${machine}-os`,
    extension: 'edge-train',
    attachRule: 'edge-train-attach',
    servingRule: 'edge-train-serving',
  } as const;
}

/** The tag on every Azure resource that we made; what lacks it is never deleted. */
export const OWNER_TAG = 'edge-train';

export const SITE_QUEUE = 'edge-train-site';
export const CLOUD_QUEUE = 'edge-train';
/** A new bundle is a new queue, so a job in flight stays with the worker that knows it. */
export const edgeQueue = (machine: string, bundleDigest: string): string =>
  `edge-${machine}-${bundleDigest.slice(0, 12)}`;

export const defaultRepository = (model: string): string => `edge-train/${model}`;
export const imageTag = (version: number): string => `v${version}`;

/** Blob paths. The site's run container holds all that a run leaves on site. */
export const siteRunPath = (job: JobId, ...rest: string[]): string => ['runs', job, ...rest].join('/');
/** Every number that a script has logged, a line each, as it was. */
export const metricsPath = (job: JobId): string => siteRunPath(job, 'metrics.jsonl');
/** Which metrics' names a recipe's first release carried, on site. */
export const learnedMetricsPath = (recipe: string): string => `learned/${recipe}.json`;
export const bundlePath = (digest: string): string => `bundles/${digest}.tar.gz`;
/** Where the edge may write released artifacts, and where the cloud worker moves them, out of the SAS's reach. */
export const stagingPath = (job: JobId, ...rest: string[]): string => ['staging', job, ...rest].join('/');
export const modelPath = (model: string, job: JobId, ...rest: string[]): string =>
  ['models', model, job, ...rest].join('/');
/** What serves of a model, in the site's container of deployments. */
export const deploymentPath = (model: string): string => `${DEPLOYMENTS}${model}.json`;
export const DEPLOYMENTS = 'deployments/';
export const codePath = (digest: string): string => `code/${digest}.tar.gz`;
