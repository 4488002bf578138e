import { codecYml } from './codec-yml.ts';
import type { DemoKeys } from './keys.ts';
import type { SandboxInfo } from './sandbox-info.ts';

const text = JSON.stringify;

export interface CloudYml {
  readonly info: SandboxInfo;
  readonly keys: DemoKeys;
  /** REPOSITORY@sha256:DIGEST. */
  readonly base: string;
  readonly packageIndex: string;
  readonly schema: string;
}

/** The cloud worker's file: the workspace, the release account, the registry, and whose receipts are believed. */
export function cloudYml({ info, keys, base, packageIndex, schema }: CloudYml): string {
  const { azure, release, registry } = info;
  const indented = keys.receiptPublicKey.trim().split('\n').join('\n      ');
  return `# yaml-language-server: $schema=${schema}
# The cloud worker's file. It names no key of a site's data and no Stack Hub: the cloud worker cannot reach them.

azure:
  # Left out, these three are those of Azure itself.
  endpoint: ${text(azure.endpoint)}
  authority: ${text(azure.authority)}
  audience: ${text(azure.audience.replace(/\/+$/, ''))}
  tenant: ${text(azure.tenant)}
  clientId: ${text(azure.clientId)}
  clientSecret: ${text(`file:${azure.clientSecretFile}`)}
  subscription: ${text(azure.subscription)}
  resourceGroup: ${text(azure.resourceGroup)}
  workspace: ${text(azure.workspace)}
  caFile: ${text(info.caFile)}

# Code comes in and models go out through this account. A VM gets a write permission for single blobs of it, for an hour.
release:
  blobEndpoint: ${text(release.blobEndpoint)}
  key: ${text(`file:${release.accountKeyFile}`)}

registry:
  loginServer: ${text(registry.loginServer)}
  # The image that models are served on: Debian with Python.
  base: ${text(base)}
  packageIndex: ${text(packageIndex)}
  # Signs each image; whoever deploys checks with its public half, image.pub beside it.
  signingKey: ${text(`file:${keys.imageFile}`)}

# Whose receipts are believed: a model is registered only with one that this key has signed.
sites:
  demo:
    receiptPublicKey: |
      ${indented}

# Released models may serve on managed online endpoints (edge-train deploy --to cloud).
deployments:
  instanceType: Standard_DS2_v2
  imageKeys: [${text(keys.imagePublicKey)}] # whose images may serve

# The private half of the account that Azure ML logs in to; it may do nothing on the VM.
attach:
  privateKey: ${text(`file:${keys.attachFile}`)}
${codecYml(keys)}`;
}
