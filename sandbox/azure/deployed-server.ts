import { Failure } from '../server/errors.ts';
import { waitUntil } from '../wait-until.ts';
import { findChild, type Cloud } from './cloud.ts';
import type { OnlineDeployment } from './online-deployments.ts';
import { serverName } from './online-endpoints.ts';

/** Azure's general sizes that managed endpoints offer, and what each has. */
export const instanceTypes: Record<string, { cores: number; memoryMiB: number }> = {
  Standard_DS1_v2: { cores: 1, memoryMiB: 3584 },
  Standard_DS2_v2: { cores: 2, memoryMiB: 7168 },
  Standard_DS3_v2: { cores: 4, memoryMiB: 14_336 },
  Standard_F2s_v2: { cores: 2, memoryMiB: 4096 },
  Standard_F4s_v2: { cores: 4, memoryMiB: 8192 },
};

interface Route {
  path: string;
  port: number;
}

/** The image and its routes. @throws Failure 400 */
export function environmentOf(cloud: Cloud, id: string): { image: string; scoring: Route; readiness: Route } {
  const refuse = (message: string) => new Failure(400, 'UserError', message, { target: 'properties.environmentId' });
  const found = /^\/subscriptions\/.*\/environments\/[^/]+\/versions\/[^/]+$/i.test(id)
    ? findChild(cloud, id)
    : undefined;
  if (!found) throw refuse(`The environment '${id}' was not found.`);
  const { image, inferenceConfig } = found.properties as {
    image: string;
    inferenceConfig?: { scoringRoute?: Route; readinessRoute?: Route };
  };
  const { scoringRoute: scoring, readinessRoute: readiness } = inferenceConfig ?? {};
  if (!scoring || !readiness)
    throw refuse('Without code and model the environment needs an inferenceConfig with its routes.');
  return { image, scoring, readiness };
}

/** Pulls, starts, and waits as long as the readiness probe allows. @throws Failure, as Azure's operation fails */
export async function startServer(cloud: Cloud, { id, properties }: OnlineDeployment): Promise<void> {
  const { instanceType, environmentId, environmentVariables, readinessProbe } = properties;
  const { image, readiness } = environmentOf(cloud, environmentId);
  const name = serverName(id);
  const noImage = (why: string) => new Failure(400, 'BadArgument', `Unable to download user container image: ${why}`);
  if (!image.startsWith(`${cloud.loginServer}/`)) throw noImage(`${image} is not in the workspace's registry.`);
  try {
    const size = instanceTypes[instanceType]!;
    await cloud.modelServers.run({ name, image, port: readiness.port, environment: environmentVariables, ...size });
  } catch (error) {
    throw noImage((error as Error).message);
  }
  const { failureThreshold, period, initialDelay } = readinessProbe;
  const patience = seconds(initialDelay) + failureThreshold * seconds(period);
  await waitUntil('readiness', patience * 1000, async () => {
    const at = await cloud.modelServers.address(name, readiness.port);
    return at !== undefined && (await fetch(`${at}${readiness.path}`, { signal: AbortSignal.timeout(5000) })).ok;
  }).catch(async () => {
    await cloud.modelServers.remove(name);
    throw new Failure(400, 'ResourceNotReady', 'User container has crashed or terminated, or was not ready in time.');
  });
}

export function seconds(text: string): number {
  const [, hours = 0, minutes = 0, rest = 0] = /^PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?$/.exec(text) ?? [];
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(rest);
}
