import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { modelPath } from '../domain/resource-names.ts';
import { httpsSender } from '../services/https.ts';
import { startDaemon } from '../setup/docker-daemon.mjs';
import { modelFiles, startCloud, type TestCloud } from '../test/cloud/cloud.ts';
import { refreshToken, TOKEN_USER } from '../test/cloud/registry-token.ts';
import { keepVersion } from '../test/cloud/serve-image.ts';
import { printFigures, timed } from './table.ts';

const MIB = 2 ** 20;
const run = promisify(execFile);

/**
 * How long it takes until the image of a new model is in the registry, its packages being there: against `curl` that puts the
 * same bytes there, two `curl` that bring them from where the model is kept to there, and `docker build` and `docker push` of the
 * same layers; then again with nothing changed. And how much memory this process had at most beyond what it had before.
 * `npm run bench image [PAIRS] [MIB]`.
 */
async function main(pairs: number, mebibytes: number): Promise<void> {
  const cloud = await startCloud({ base: true });
  const folder = await mkdtemp(join(tmpdir(), 'edge-train-bench-'));
  const daemon = await startDaemon(join(folder, 'daemon'));
  const access = { DOCKER_CONFIG: join(folder, 'docker'), DOCKER_HOST: daemon.host };
  try {
    const first = await (await prepared(cloud, Buffer.from('0'), 1)).build();
    const { loginServer } = cloud.registry;
    await logIn(cloud, folder);
    const environment = `${loginServer}/edge-train/bench@${first.digest}`;
    await run('docker', ['pull', '--quiet', environment], { env: { ...process.env, ...access } });
    const samples = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const weights = randomBytes(mebibytes * MIB);
      const { build, read, url } = await prepared(cloud, weights, pair + 2);
      const memory = watchMemory();
      const ours = await timed(build);
      const peak = memory.stop();
      const again = await timed(build);
      const reading = await timed(read);
      const curl = await timed(async () => put(cloud, folder, weights));
      const moved = await timed(async () => put(cloud, folder, weights, url));
      const docker = await timed(() =>
        dockerBuild(folder, access, environment, `${loginServer}/docker/bench:v${pair}`),
      );
      samples.push({ ours, again, reading, curl, moved, docker, peak, sent: again.value.uploadedBytes });
    }
    printFigures(`${pairs} of ${mebibytes} MiB, seconds`, samples, {
      'build and push': ({ ours }) => ours.seconds,
      'reading alone': ({ reading }) => reading.seconds,
      'curl PUT': ({ curl }) => curl.seconds,
      'curl GET and PUT': ({ moved }) => moved.seconds,
      'docker build and push': ({ docker }) => docker.seconds,
      'ours / curl': ({ ours, curl }) => ours.seconds / curl.seconds,
      'ours / curl GET and PUT': ({ ours, moved }) => ours.seconds / moved.seconds,
      'docker / ours': ({ ours, docker }) => docker.seconds / ours.seconds,
      'nothing changed': ({ again }) => again.seconds,
      'bytes sent again': ({ sent }) => sent,
      'memory, MiB more': ({ peak }) => peak / MIB,
    });
  } finally {
    await daemon.stop();
    await rm(folder, { recursive: true, force: true });
    await cloud.close();
  }
}

/** The files are where a registered version has them; what is left is to build. */
async function prepared(cloud: TestCloud, weights: Buffer, number: number) {
  const files = [...(await modelFiles()), { path: 'data/weights.bin', content: weights }];
  const request = { ...(await keepVersion(cloud, files, number, 'bench')), repository: 'edge-train/bench' };
  const path = modelPath('bench', request.evidence.plan.job, 'data/weights.bin');
  const read = async () => {
    const { readableStreamBody } = await cloud.release.container('edge-train-models').getBlobClient(path).download();
    for await (const piece of readableStreamBody ?? []) void piece;
  };
  const { url } = cloud.release.sas({ container: 'edge-train-models', blob: path, permissions: 'r' });
  return { build: () => cloud.activities.buildImage(request), read, url };
}

/** The same bytes as one blob, in one request: the least that a push can cost. `from`: where they come from, instead of a file. */
async function put(cloud: TestCloud, folder: string, weights: Buffer, from?: string): Promise<void> {
  const file = join(folder, 'weights.bin');
  await writeFile(file, weights);
  const { loginServer, ca } = cloud.registry;
  const send = httpsSender(ca);
  const scope = 'repository:curl/bench:pull,push';
  const asked = { grant_type: 'refresh_token', service: loginServer, scope };
  const token = await send({
    url: `https://${loginServer}/oauth2/token`,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...asked, refresh_token: await refreshToken(cloud.registry) }).toString(),
    timeout: 10_000,
  });
  const { access_token } = JSON.parse(token.bodyAsText ?? '') as { access_token: string };
  const headers = { authorization: `Bearer ${access_token}` };
  const place = `https://${loginServer}/v2/curl/bench/blobs/uploads/`;
  const begun = await send({ url: place, method: 'POST', headers, timeout: 10_000 });
  const target = new URL(begun.headers.get('location') ?? '', place);
  target.searchParams.set('digest', `sha256:${createHash('sha256').update(weights).digest('hex')}`);
  const config = [
    `url = "${target.href}"`,
    `header = "authorization: Bearer ${access_token}"`,
    'header = "content-type: application/octet-stream"',
    `upload-file = "${from === undefined ? file : '-'}"`,
    'silent\nshow-error\nfail\ninsecure\n',
  ];
  await writeFile(join(folder, 'curl.conf'), config.join('\n'), { mode: 0o600 });
  const source = `url = "${from}"\nsilent\nshow-error\nfail\ninsecure\n`;
  await writeFile(join(folder, 'source.conf'), source, { mode: 0o600 });
  const get = from === undefined ? '' : 'curl --config source.conf | ';
  await run('sh', ['-c', `${get}curl --config curl.conf`], { cwd: folder });
}

/** The layer of the model on all that the serving image has. */
async function dockerBuild(folder: string, variables: NodeJS.ProcessEnv, from: string, tag: string): Promise<void> {
  const env = { ...process.env, ...variables, DOCKER_BUILDKIT: '0' };
  await writeFile(join(folder, 'Dockerfile'), `FROM ${from}\nCOPY weights.bin /var/azureml-model/weights.bin\n`);
  await run('docker', ['build', '--quiet', '--tag', tag, folder], { env });
  await run('docker', ['push', '--quiet', tag], { env });
}

async function logIn(cloud: TestCloud, folder: string): Promise<void> {
  const { loginServer } = cloud.registry;
  const auth = Buffer.from(`${TOKEN_USER}:${await refreshToken(cloud.registry)}`).toString('base64');
  await run('mkdir', ['-p', join(folder, 'docker')]);
  await writeFile(join(folder, 'docker', 'config.json'), JSON.stringify({ auths: { [loginServer]: { auth } } }), {
    mode: 0o600,
  });
  await writeFile(join(folder, '.dockerignore'), '*\n!weights.bin\n');
}

function watchMemory(): { stop(): number } {
  const before = process.memoryUsage.rss();
  let most = before;
  const look = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20);
  return {
    stop: () => {
      clearInterval(look);
      return most - before;
    },
  };
}

await main(Number(process.argv[2] ?? 3), Number(process.argv[3] ?? 200));
