import { ServiceError } from '../errors.ts';
import type { Workspace } from './workspace.ts';

/** Where the image listens, and what it answers when it is well: the contract of services/serving-image. */
const PORT = 5001;
const route = (path: string) => ({ path, port: PORT });

/**
 * An image as an environment of the workspace, by its digest, with the routes of its server. One that is there is used.
 * Returns its resource id. @throws ServiceError `EnvironmentTaken` (policy)
 */
export async function ensureEnvironment(
  workspace: Workspace,
  { name, version, image }: { readonly name: string; readonly version: string; readonly image: string },
): Promise<string> {
  const { client, group, name: workspaceName } = workspace;
  const there = await workspace.find(`reading the environment ${name}:${version}`, () =>
    client.environmentVersions.get(group, workspaceName, name, version),
  );
  if (there?.properties.image === image) return there.id ?? '';
  if (there) throw taken(`${name}:${version}`, there.properties.image ?? 'no image');
  const made = await workspace.call(`registering the environment ${name}:${version}`, () =>
    client.environmentVersions.createOrUpdate(group, workspaceName, name, version, {
      properties: {
        ...{ image, osType: 'Linux', description: 'An image that edge-train built, as it is.' },
        inferenceConfig: { livenessRoute: route('/'), readinessRoute: route('/'), scoringRoute: route('/score') },
      },
    }),
  );
  return made.id ?? '';
}

const taken = (asset: string, image: string) =>
  new ServiceError({
    class: 'policy',
    type: 'EnvironmentTaken',
    cause: `The environment ${asset} is in the workspace already, with ${image}.`,
    nextStep:
      'Find out who made it: an environment of edge-train’s has the image in its version. Archive it, and deploy again.',
    retryable: false,
  });
