import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { promisify } from 'node:util';
import type { Evidence, ModelVersion } from '../../domain/model-version.ts';
import { modelPath } from '../../domain/resource-names.ts';
import { until } from '../support/until.ts';
import { evidenceOf, type TestCloud } from './cloud.ts';
import { refreshToken, TOKEN_USER } from './registry-token.ts';

export const docker = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)('docker', args, { maxBuffer: 2 ** 24 })).stdout.trim();

/** A version whose artifacts are where registerModel keeps them. */
export async function keepVersion(
  cloud: TestCloud,
  files: readonly { path: string; content: Buffer }[],
  number: number,
  model = 'sums',
): Promise<{ evidence: Evidence; version: ModelVersion }> {
  const evidence = evidenceOf(files, { model });
  const models = cloud.release.container('edge-train-models');
  await models.createIfNotExists();
  for (const { path, content } of files)
    await models.getBlockBlobClient(modelPath(model, evidence.plan.job, path)).upload(content, content.length);
  return { evidence, version: versionOf(evidence, number) };
}

export const versionOf = ({ plan }: Evidence, number: number): ModelVersion => ({
  ...{ name: plan.model.name, version: number, resourceId: '/models', modelUri: 'azureml://models' },
  ...{ type: 'mlflow_model', tags: {} },
});

export interface Served {
  /** Without a slash at its end. */
  readonly url: string;
  readonly container: string;
  score(body: unknown): Promise<{ status: number; body: unknown }>;
  remove(): Promise<void>;
  /** Removes container and image. */
  close(): Promise<void>;
}

/** A container of the pulled image, read-only and without a capability. `mount`: of a file, as `docker run --volume` has it. */
export async function serve(
  cloud: TestCloud,
  { registry, repository, digest }: { registry: string; repository: string; digest: string },
  { mount }: { mount?: string } = {},
): Promise<Served> {
  const image = `${registry}/${repository}@${digest}`;
  await pull(image, await refreshToken(cloud.registry));
  const confined = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--publish', '127.0.0.1::5001'];
  const mounted = mount === undefined ? [] : ['--volume', mount];
  const container = await docker('run', '--detach', ...confined, ...mounted, image);
  const remove = async () => void (await docker('rm', '--force', container));
  const close = async () => {
    await remove();
    await docker('rmi', image);
  };
  const [address] = (await docker('port', container, '5001/tcp')).split('\n');
  const url = `http://${address}`;
  await answering(url, container);
  const score = async (body: unknown) => {
    const answer = await fetch(`${url}/score`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
    return { status: answer.status, body: (await answer.json()) as unknown };
  };
  return { url, container, score, remove, close };
}

/** Not `docker login`: that would write the token into the user's own configuration. */
async function pull(image: string, refreshToken: string): Promise<void> {
  const [server = ''] = image.split('/');
  const auth = Buffer.from(JSON.stringify({ username: TOKEN_USER, password: refreshToken, serveraddress: server }))
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('/', '_'); // URL-safe with padding, which Node's own base64url leaves out and Docker wants
  const host = await docker('context', 'inspect', '--format', '{{.Endpoints.docker.Host}}');
  const answer = await new Promise<string>((resolve, reject) => {
    const pulling = request(
      {
        socketPath: host.replace('unix://', ''),
        method: 'POST',
        path: `/v1.40/images/create?fromImage=${encodeURIComponent(image)}`,
        headers: { 'x-registry-auth': auth },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`docker: ${response.statusCode} ${text}`));
        });
      },
    );
    pulling.once('error', reject);
    pulling.end();
  });
  assert.doesNotMatch(answer, /"error"/, answer.slice(-500));
}

/** The container's last words are told where it does not answer. */
async function answering(url: string, container: string): Promise<void> {
  const answers = () =>
    fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
  await until('the container answers', answers).catch(async (error: Error) => {
    throw new Error(`${error.message}:\n${await docker('logs', container)}`);
  });
}
