import { codecYml } from './codec-yml.ts';
import type { DemoKeys } from './keys.ts';
import type { SandboxInfo } from './sandbox-info.ts';

const text = JSON.stringify; // a JSON string is a YAML string

/** The sandbox's one site. */
export const DEMO_SITE = 'demo';
/** Where samples of other sites' data lie, for writing scripts (`run --local`). */
export const SAMPLE_STORE = 'samples';
/** Whose names a job file may use as they are. */
export const DEMO_STORES: readonly string[] = ['hospital', SAMPLE_STORE];

/** The demo site's file, as its operator would write it. */
export function siteYml(info: SandboxInfo, keys: DemoKeys, packageIndex: string, schema: string): string {
  const { stackHub, uplink, temporal, azure } = info;
  return `# yaml-language-server: $schema=${schema}
# The operator's file of one site: one Azure Stack Hub, what is on it, and what may happen there. Only the site worker
# reads it. No secret stands in it: each is named by a reference (env:, file: or keyvault:) and read when it is used.
name: ${DEMO_SITE}

stackHub:
  endpoint: ${text(stackHub.endpoint)}
  tenant: ${text(stackHub.tenant)} # AD FS; with Entra, the tenant's id
  subscription: ${text(stackHub.subscription)}
  location: ${text(stackHub.location)}
  resourceGroup: edge-train
  clientId: ${text(stackHub.clientId)}
  clientSecret: ${text(`file:${stackHub.clientSecretFile}`)}
  caFile: ${text(info.caFile)}

virtualMachines:
  image: ${text(stackHub.vmImage)} # publisher:offer:sku:version
  # What a job may ask for. One that asks for nothing gets the smallest that holds its data.
  sizes: [Standard_DS1_v2, Standard_DS2_v2, Standard_DS3_v2]
  # Deallocated this long after its last job.
  idleMinutes: 30

# What job files call their compute in the cloud. Nothing stated: the smallest VM that holds the job.
computes:
  cpu-cluster: {}

# Without a key here, the site worker asks the Stack Hub for it (listKeys).
storageAccounts:
  ${stackHub.storageAccount}:
    blobEndpoint: ${text(stackHub.blobEndpoint)}
    resourceGroup: ${text(stackHub.storageAccountResourceGroup)}

# The names by which job files speak of data: azureml://datastores/hospital/paths/…
dataStores:
  hospital: { account: ${stackHub.storageAccount}, container: hospital }
  ${SAMPLE_STORE}: { account: ${stackHub.storageAccount}, container: ${SAMPLE_STORE} } # \`edge-train run --local\` brings them

# Where runs leave logs, receipts and every output that is not released. It stays on site.
runs: { account: ${stackHub.storageAccount}, container: edge-train-runs }

# The one way out. Its allow-list holds Temporal, the package index, the release account and the registry, and nothing else.
uplink: ${text(uplink.address)}
uplinkLog: ${text(uplink.accessLog)} # a witness of its own: receipts say what it says
packageIndex: ${text(packageIndex)}

# Images of these registries are what jobs run in, where they ask for one: the cage's root, as it is. The token may pull, and
# no more; VMs never see it.
registries:
  - host: ${text(info.registry.loginServer)}
    username: ${info.registry.username}
    password: ${text(`file:${info.registry.passwordFile}`)}

# What Azure ML's curated environments mean here. This one is leaner than what edge-train ships for the name: mlflow-skinny
# instead of all of MLflow, and no plots.
environments:
  sklearn-1.5:
    python: "3.11"
    requirements:
      - numpy<2
      - pandas~=1.5.3
      - scipy~=1.10
      - scikit-learn~=1.5.0
      - mlflow-skinny>=2.22,<3

temporal:
  address: ${text(temporal.address)}
  namespace: ${text(temporal.namespace)}

# Azure ML shows the VM as a compute target. That needs one rule for TCP 22, from these addresses and only while it
# attaches. Training needs none of it: "mode: never" is the default, and this demo shows the hardest case.
attach:
  mode: require
  from: ${text(azure.attachFrom)}
  publicKey: ${text(keys.attachPublicKey)}

# Released models may serve here, each on its VM's loopback (edge-train deploy).
deployments:
  imageKeys: [${text(keys.imagePublicKey)}] # whose images may serve: cloud.yml’s registry.signingKey
  ports: { from: 8100, to: 8119 }

# What may leave. MLflow saves scikit-learn models as pickles. A pickle is code to whoever loads it, and it may hold rows
# of the data: by default ("approve") an approver signs for each. The demo allows it, because it has no approver to ask, its
# data is public and the script is its own.
release:
  pickle: allow
  maxBytes: ${100 * 2 ** 20}
  maxFiles: 100

# Signs what left. Its public half stands in cloud.yml, where a model without a receipt is refused.
receiptKey: ${text(`file:${keys.receiptFile}`)}
${codecYml(keys)}`;
}
