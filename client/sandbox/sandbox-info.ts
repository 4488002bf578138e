import { z } from 'zod';

/**
 * What the sandbox says of itself (`sandbox/info.ts`), read as one reads a stranger's answer: the client shares no code
 * with the sandbox. What is not needed here is not looked at.
 */
export const SandboxInfo = z.object({
  caFile: z.string(),
  stackHub: z.object({
    endpoint: z.string(),
    tenant: z.string(),
    subscription: z.string(),
    location: z.string(),
    clientId: z.string(),
    clientSecretFile: z.string(),
    vmImage: z.string(),
    storageAccount: z.string(),
    storageAccountResourceGroup: z.string(),
    blobEndpoint: z.string(),
  }),
  azure: z.object({
    endpoint: z.string(),
    authority: z.string(),
    tenant: z.string(),
    subscription: z.string(),
    resourceGroup: z.string(),
    workspace: z.string(),
    clientId: z.string(),
    clientSecretFile: z.string(),
    audience: z.string(),
    attachFrom: z.string(),
  }),
  release: z.object({ account: z.string(), blobEndpoint: z.string(), accountKeyFile: z.string() }),
  registry: z.object({ loginServer: z.string(), username: z.string(), passwordFile: z.string() }),
  uplink: z.object({ address: z.string(), accessLog: z.string() }),
  temporal: z.object({ address: z.string(), ui: z.string(), namespace: z.string() }),
  docker: z.object({ host: z.string().optional() }),
  packageIndex: z.object({ url: z.string(), hosts: z.array(z.string()) }).optional(),
});
export type SandboxInfo = z.infer<typeof SandboxInfo>;
