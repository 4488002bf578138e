import { timingSafeEqual } from 'node:crypto';
import { Failure } from '../server/errors.ts';
import type { Call, Reply } from '../server/front.ts';
import { findChild, listChildren, workspaceId, type Cloud } from './cloud.ts';
import { environmentOf, seconds } from './deployed-server.ts';
import type { OnlineDeployment } from './online-deployments.ts';
import { keysOf, serverName, type OnlineEndpoint } from './online-endpoints.ts';

export const isScoringPath = (path: string): boolean => /^\/inference\//i.test(path);

/**
 * Azure's front of managed online endpoints, `/inference/ENDPOINT/score` here: a key, the deployment that a header names or
 * the traffic's choice, and the answer of its server. What the model's server answers with but 200 comes as 424
 * (https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints, "HTTP status codes").
 */
export async function score(cloud: Cloud, call: Call): Promise<Reply> {
  const [, , name = '', ...rest] = call.path.split('/');
  const endpoint = findChild<OnlineEndpoint>(cloud, `${workspaceId(cloud)}/onlineEndpoints/${name}`);
  if (!endpoint) throw new Failure(404, 'NotFound', `There is no endpoint ${name}.`);
  checkKey(cloud, endpoint, call.headers.authorization);
  const deployment = choose(cloud, endpoint, call.headers['azureml-model-deployment']);
  const { scoring } = environmentOf(cloud, deployment.properties.environmentId);
  const path = `/${rest.join('/')}`;
  if (path !== scoring.path) throw new Failure(404, 'NotFound', `The endpoint serves ${scoring.path} only.`);
  if (call.method !== 'POST') throw new Failure(405, 'MethodNotAllowed', 'Only POST is supported.');
  return forward(cloud, call, deployment, scoring);
}

function checkKey(cloud: Cloud, { id }: OnlineEndpoint, authorization = ''): void {
  const given = Buffer.from(/^Bearer (\S+)$/i.exec(authorization)?.[1] ?? '');
  const { primaryKey, secondaryKey } = keysOf(cloud, id);
  const same = (key: string) => key.length === given.length && timingSafeEqual(Buffer.from(key), given);
  if (same(primaryKey) || same(secondaryKey)) return;
  throw new Failure(401, 'Unauthorized', 'Access denied due to an invalid key. Make sure to provide a valid key.');
}

function choose(
  cloud: Cloud,
  { id, properties }: OnlineEndpoint,
  header: string | string[] | undefined,
): OnlineDeployment {
  const all = listChildren<OnlineDeployment>(cloud, `${id}/deployments`);
  const ready = all.filter(
    ({ properties: { provisioningState: state } }) => state === 'Succeeded' || state === 'Updating',
  );
  if (header !== undefined) {
    const named = ready.find(({ name }) => name === String(header));
    if (named) return named;
    throw new Failure(404, 'NotFound', `Specified deployment '${String(header)}' could not be found.`);
  }
  let point = Math.random() * 100;
  for (const each of ready) if ((point -= properties.traffic[each.name] ?? 0) < 0) return each;
  throw new Failure(404, 'NotFound', 'The endpoint has no valid deployment with positive weight.');
}

async function forward(
  { modelServers }: Cloud,
  call: Call,
  { id, name, properties }: OnlineDeployment,
  route: { path: string; port: number },
): Promise<Reply> {
  const server = serverName(id);
  const headers = { 'azureml-model-deployment': name };
  const body = new Uint8Array(await call.read());
  let answer: Response;
  try {
    const at = await modelServers.address(server, route.port);
    answer = await fetch(`${at}${route.path}`, {
      method: 'POST',
      body,
      headers: { 'content-type': call.headers['content-type'] ?? 'application/json' },
      signal: AbortSignal.timeout(seconds(properties.requestSettings.requestTimeout) * 1000),
    });
  } catch (error) {
    if ((error as Error).name === 'TimeoutError')
      throw new Failure(408, 'RequestTimeout', 'The model took longer than requestTimeout.', { headers });
    throw new Failure(502, 'BadGateway', 'The model’s server gave no answer.', { headers });
  }
  const content = Buffer.from(await answer.arrayBuffer());
  const type = { 'content-type': answer.headers.get('content-type') ?? 'application/json' };
  if (answer.status === 200) return { status: 200, headers: { ...headers, ...type }, body: content };
  const reason = {
    'ms-azureml-model-error-reason': 'model_error',
    'ms-azureml-model-error-statuscode': String(answer.status),
  };
  return { status: 424, headers: { ...headers, ...type, ...reason }, body: content };
}
