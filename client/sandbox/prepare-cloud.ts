import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudFile } from '../../domain/cloud-file.ts';
import { openAccount, ensureContainer } from '../../services/blob-storage.ts';
import { openCredential } from '../../services/machine-learning/workspace.ts';
import { pushBaseImage } from '../../services/oci-image/base-image.ts';
import { sasOnPolicy } from '../../services/stored-access-policy.ts';
import { failed } from '../command-error.ts';
import type { SandboxInfo } from './sandbox-info.ts';
import { ROOT } from './state-paths.ts';

const CONTAINERS = CloudFile.shape.release.shape;
const YEAR_MS = 365 * 86_400_000;

/**
 * Makes in the sandbox's cloud what an operator makes once: the release account's containers, the user's SAS for code,
 * and the serving base in the registry. What is there is left as it is.
 */
export async function prepareCloud(info: SandboxInfo): Promise<{ codeSas: string; base: string }> {
  const ca = readFileSync(info.caFile, 'utf8');
  const account = { endpoint: info.release.blobEndpoint, key: secret(info.release.accountKeyFile), ca };
  const [codeSas, base] = await Promise.all([prepareAccount(account), pushServingBase(info, ca)]);
  return { codeSas, base };
}

async function prepareAccount(account: { endpoint: string; key: string; ca: string }): Promise<string> {
  const { container } = openAccount(account);
  const names = [CONTAINERS.stagingContainer, CONTAINERS.modelContainer].map((schema) => schema.parse(undefined));
  for (const name of names) await ensureContainer(container(name));
  return sasOnPolicy(account, {
    container: CONTAINERS.codeContainer.parse(undefined),
    id: 'edge-train-users',
    permissions: 'rcw',
    expires: new Date(Date.now() + YEAR_MS),
  });
}

const BASE_REPOSITORY = 'edge-train/base';

async function pushServingBase(info: SandboxInfo, ca: string): Promise<string> {
  const tarPath = join(ROOT, '.tools', 'images', 'serving.tar');
  if (!existsSync(tarPath)) {
    throw failed({
      class: 'host',
      type: 'NotSetUp',
      cause: `The image that models are served on is not here: ${tarPath}`,
      nextStep: `Run: node ${join(ROOT, 'setup', 'main.mjs')} setup`,
    });
  }
  const { tenant, clientId, clientSecretFile, authority, audience } = info.azure;
  const credential = openCredential({ tenant, clientId, clientSecret: secret(clientSecretFile), authority, ca });
  const registry = {
    loginServer: info.registry.loginServer,
    credential,
    audience: audience.replace(/\/+$/, ''),
    ca,
  };
  const { digest } = await pushBaseImage({ registry, tarPath, repository: BASE_REPOSITORY });
  return `${BASE_REPOSITORY}@${digest}`;
}

const secret = (file: string): string => readFileSync(file, 'utf8').trim();
