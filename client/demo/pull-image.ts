import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { ContainerImage } from '../../domain/model-version.ts';
import { openCredential } from '../../services/machine-learning/workspace.ts';
import { failed } from '../command-error.ts';
import type { SandboxInfo } from '../sandbox/sandbox-info.ts';
import type { Docker } from './docker.ts';

export const imageReference = ({ registry, repository, digest }: ContainerImage): string =>
  `${registry}/${repository}@${digest}`;

/** The user that goes with a token (https://learn.microsoft.com/azure/container-registry/container-registry-authentication). */
const TOKEN_USER = '00000000-0000-0000-0000-000000000000';

/** Pulls by digest, with a token that passes through standard input only. */
export async function pullImage(docker: Docker, info: SandboxInfo, image: ContainerImage): Promise<void> {
  const login = ['login', '--username', TOKEN_USER, '--password-stdin', image.registry];
  await docker.run(login, await registryToken(info));
  await docker.run(['pull', '--quiet', imageReference(image)]);
}

/** As `az acr login --expose-token` gets it: an Entra token, exchanged for one of the registry's. */
async function registryToken({ azure, registry, caFile }: SandboxInfo): Promise<string> {
  const ca = readFileSync(caFile, 'utf8');
  const { tenant, clientId, authority, audience } = azure;
  const clientSecret = readFileSync(azure.clientSecretFile, 'utf8').trim();
  const credential = openCredential({ tenant, clientId, clientSecret, authority, ca });
  const access = await credential.getToken(`${audience.replace(/\/+$/, '')}/.default`);
  const form = new URLSearchParams({
    grant_type: 'access_token',
    service: registry.loginServer,
    tenant,
    access_token: access?.token ?? '',
  });
  const { refresh_token: token } = (await post(`https://${registry.loginServer}/oauth2/exchange`, form, ca)) as {
    refresh_token?: string;
  };
  if (!token) throw noToken('its answer holds none');
  return token;
}

async function post(url: string, form: URLSearchParams, ca: string): Promise<unknown> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const { status, body } = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const sent = request(url, { method: 'POST', ca, headers, timeout: 30_000 }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode, body }), reject);
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer within 30 s')));
    sent.on('error', reject);
    sent.end(form.toString());
  });
  if (status !== 200) throw noToken(`it answered ${status}`);
  return JSON.parse(body) as unknown;
}

function noToken(why: string) {
  return failed({
    class: 'host',
    type: 'RegistryRefused',
    cause: `The registry gave no token to pull with: ${why}.`,
    nextStep: 'Run the command again; `edge-train sandbox reset` makes a new sandbox.',
  });
}
