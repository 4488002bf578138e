import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { DeploymentPlan } from '../../domain/deployment.ts';
import { ImageGrant } from '../../domain/grant.ts';
import type { Evidence, ModelVersion } from '../../domain/model-version.ts';
import { modelPath } from '../../domain/resource-names.ts';
import { BILL_OF_MATERIALS_TYPE } from '../../domain/statement.ts';
import { sessionReader } from '../../services/container-registry/content.ts';
import { findManifest, putManifest } from '../../services/container-registry/manifests.ts';
import { RegistrySession } from '../../services/container-registry/session.ts';
import { ServiceError } from '../../services/errors.ts';
import { readAttached } from '../../services/image-trust/attached.ts';
import { verifyImage } from '../../services/image-trust/verify-image.ts';
import { pushBaseImage, readBaseImage } from '../../services/oci-image/base-image.ts';
import type { ImageManifest } from '../../services/oci-image/image.ts';
import { generateMachineKey, generateSigningKey, openSeal } from '../../services/signing.ts';
import { until } from '../support/until.ts';
import { refreshToken, TOKEN_USER } from './registry-token.ts';
import { evidenceOf, modelFiles, receiptKey, receiptOf, startCloud, type TestCloud } from './cloud.ts';

const docker = async (...args: string[]) =>
  (await promisify(execFile)('docker', args, { maxBuffer: 2 ** 24 })).stdout.trim();

describe('an image of a model version', () => {
  let cloud: TestCloud;
  before(async () => {
    cloud = await startCloud({ base: true });
  });
  after(async () => cloud?.close());

  /** A version whose artifacts are where registerModel keeps them. */
  async function version(files: Awaited<ReturnType<typeof modelFiles>>, number: number, model = 'sums') {
    const evidence = evidenceOf(files, { model });
    const models = cloud.release.container('edge-train-models');
    await models.createIfNotExists();
    for (const { path, content } of files)
      await models.getBlockBlobClient(modelPath(model, evidence.plan.job, path)).upload(content, content.length);
    return { evidence, version: versionOf(evidence, number) };
  }
  const versionOf = ({ plan }: Evidence, number: number): ModelVersion => ({
    ...{
      name: plan.model.name,
      version: number,
      resourceId: '/models',
      modelUri: 'azureml://models',
      type: 'mlflow_model',
      tags: {},
    },
  });

  it('is the same digest for the same content, and nothing is uploaded twice', async () => {
    const files = await modelFiles();
    const request = { ...(await version(files, 1)), repository: 'edge-train/sums' };
    await cloud.fault({ route: 'PATCH /v2/**', moment: 'after', action: 'drop', front: 'registry' });
    await cloud.fault({ route: 'PUT /v2/**/blobs/uploads/*', moment: 'after', action: 'drop', front: 'registry' });
    const first = await cloud.activities.buildImage(request);
    assert.ok(first.uploadedBytes > 10_000_000);
    assert.ok(cloud.beats() > 0, 'it said that it lives');

    const writes = () =>
      cloud.requests(({ front, method }) => front === 'registry' && ['PATCH', 'PUT'].includes(method));
    const before = await writes();
    assert.deepEqual(await cloud.activities.buildImage(request), { ...first, uploadedBytes: 0 });
    assert.equal(await writes(), before, 'not one byte was offered to the registry');

    const second = await cloud.activities.buildImage({ ...(await version(files, 2)), repository: 'edge-train/sums' });
    assert.equal(second.digest, first.digest, 'another version with the same content is the same image');
    assert.deepEqual([first.tag, second.tag], ['v1', 'v2']);

    const elsewhere = await cloud.activities.buildImage({ ...(await version(files, 1)), repository: 'team/sums' });
    assert.equal(elsewhere.digest, first.digest);
    assert.ok(elsewhere.uploadedBytes < 20_000, `${elsewhere.uploadedBytes} bytes: layers are mounted, not sent`);
  });

  it('is signed by the key of cloud.yml, with an SBOM of what is in the base and in the lock, without reading what was sent', async () => {
    const { evidence, version: first } = await version(await modelFiles(), 1, 'signed');
    const image = await cloud.activities.buildImage({ evidence, version: first, repository: 'edge-train/signed' });
    const receipt = receiptOf(evidence);
    const request = { evidence, version: first, receipt, image };
    assert.deepEqual(await cloud.activities.attestImage(request), { state: 'unsigned' });

    const key = generateSigningKey();
    const keyFile = join(cloud.directory, 'image.pem');
    await writeFile(keyFile, key.privateKey, { mode: 0o600 });
    await cloud.configure(({ registry }) => (registry!['signingKey'] = `file:${keyFile}`));
    const reader = sessionReader(new RegistrySession(cloud.registry), 'edge-train/signed');
    const { layers } = JSON.parse((await reader.manifest('v1'))?.content.toString() ?? '') as ImageManifest;
    const environment = layers.at(-3)?.digest ?? '';
    const attested = await cloud.activities.attestImage(request);
    assert.deepEqual(await cloud.activities.attestImage(request), attested, 'asked again, nothing is new');
    const forged = receiptOf(evidence, { key: generateSigningKey().privateKey });
    const other = { ...image, digest: `sha256:${'0'.repeat(64)}` };
    for (const [change, type] of [
      [{ receipt: forged }, 'SignatureInvalid'],
      [{ evidence: { ...evidence, release: { ...evidence.release, output: 'other' } } }, 'ReceiptRefused'],
      [{ image: other }, 'OtherImage'],
    ] as const)
      await assert.rejects(
        cloud.activities.attestImage({ ...request, ...change }),
        (error: unknown) => error instanceof ServiceError && error.type === type,
        type,
      );
    await cloud.configure(() => {});
    const fetched = await cloud.requests(({ method, path }) => method === 'GET' && path.endsWith(environment));
    assert.equal(fetched, 0, 'the packages were read as their layer was sent');

    const verified = await verifyImage({
      ...{ reader, name: 'edge-train/signed', reference: 'v1' },
      ...{ keys: [key.publicKey], receiptKeys: [receiptKey.publicKey] },
    });
    assert.equal(verified.digest, image.digest);
    const [bill] = (await readAttached(reader, image.digest, [key.publicKey])).statements.filter(
      ({ type }) => type === BILL_OF_MATERIALS_TYPE,
    );
    const purls = (bill?.predicate as { components: { purl?: string }[] }).components.map(({ purl = '' }) => purl);
    for (const start of [
      'pkg:deb/debian/python3@',
      'pkg:pypi/azureml-inference-server-http@1.5.1',
      'pkg:pypi/pandas@2.2.3',
    ])
      assert.ok(
        purls.some((purl) => purl.startsWith(start)),
        `${start} in ${purls.length}`,
      );
  });

  it('does not move a version’s tag to another image', async () => {
    const files = await modelFiles();
    const changed = files.map((file) =>
      file.path === 'data/weights.json'
        ? { ...file, content: Buffer.from('{"length": 2.5, "width": -2.0, "count": 10.0}\n') }
        : file,
    );
    await cloud.activities.buildImage({ ...(await version(files, 1, 'tagged')), repository: 'edge-train/tagged' });
    const other = { ...(await version(changed, 1, 'tagged')), repository: 'edge-train/tagged' };
    await assert.rejects(cloud.activities.buildImage(other), (error: unknown) => {
      assert.ok(error instanceof ServiceError);
      assert.deepEqual([error.type, error.class, error.retryable], ['TagTaken', 'policy', false]);
      return true;
    });
    const built = await cloud.activities.buildImage({ ...other, version: versionOf(other.evidence, 2) });
    const manifest = (await findManifest(cloud.registry, 'edge-train/tagged', 'v2'))?.manifest as ImageManifest;
    const before = (await findManifest(cloud.registry, 'edge-train/tagged', 'v1'))?.manifest as ImageManifest;
    assert.deepEqual(manifest.layers.slice(0, -1), before.layers.slice(0, -1), 'only the model’s layer is another');
    assert.ok(built.uploadedBytes < 50_000);
  });

  it('refuses a model that cannot be served, requirements that are no names, and packages that cannot be had', async () => {
    const files = await modelFiles();
    const build = async (changed: typeof files) =>
      cloud.activities.buildImage({ ...(await version(changed, 1, 'refused')), repository: 'edge-train/refused' });
    const withRequirements = (text: string) =>
      files.map((file) => (file.path === 'requirements.txt' ? { ...file, content: Buffer.from(text) } : file));
    const type = (expected: string) => (error: unknown) => {
      assert.ok(error instanceof ServiceError, String(error));
      assert.deepEqual([error.type, error.class, error.retryable], [expected, 'input', false]);
      return true;
    };
    await assert.rejects(build(files.filter(({ path }) => path !== 'MLmodel')), type('ModelNotServable'));
    await assert.rejects(
      build(withRequirements('pandas\n--index-url https://evil.example/simple\n')),
      type('RequirementRefused'),
    );
    await assert.rejects(
      build(withRequirements('pandas @ https://evil.example/pandas.whl\n')),
      type('RequirementRefused'),
    );
    await assert.rejects(build(withRequirements('pandas==0.0.0.dev1\n')), type('EnvironmentUnsolvable'));
    assert.equal(await findManifest(cloud.registry, 'edge-train/refused', 'v1'), undefined);
  });

  it('is found for a deployment by its version, which must be there, not archived and of that site; its grant pulls it and no more', async () => {
    const { client, group, name: workspace } = cloud.workspace;
    const put = (version: string, more: { isArchived?: boolean; site?: string; model?: string } = {}) => {
      const { isArchived = false, site = 'demo', model = 'sums' } = more;
      const tags = { site, job: '5'.repeat(20), ...(model === 'moved' ? { 'image.repository': 'team/sums' } : {}) };
      const properties = { modelUri: 'https://models.example/sums', modelType: 'mlflow_model', isArchived, tags };
      return client.modelVersions.createOrUpdate(group, workspace, model, version, { properties });
    };
    await put('1');
    await put('2');
    await put('3', { isArchived: true });
    await put('1', { model: 'moved' });
    await put('1', { model: 'theirs', site: 'elsewhere' });
    await put('1', { model: 'unbuilt' });
    const find = (model: string, version?: number, digest?: string) =>
      cloud.activities.findServingImage(deploymentOf(model, version, digest));
    const newest = await find('sums');
    assert.deepEqual(
      [newest.version, newest.job, newest.image.repository, newest.image.tag],
      [2, '5'.repeat(20), 'edge-train/sums', 'v2'],
    );
    assert.equal((await find('sums', 1, newest.image.digest)).version, 1);
    assert.equal((await find('moved')).image.repository, 'team/sums');
    const type = (expected: string) => (error: unknown) => error instanceof ServiceError && error.type === expected;
    await assert.rejects(find('sums', 3), type('NoSuchVersion'));
    await assert.rejects(find('sums', 4), type('NoSuchVersion'));
    await assert.rejects(find('never'), type('NoSuchVersion'));
    await assert.rejects(find('theirs'), type('ModelOfAnotherSite'));
    await assert.rejects(find('unbuilt'), type('ImageNotBuilt'));
    await assert.rejects(find('sums', 1, `sha256:${'0'.repeat(64)}`), type('ImageDiffers'));

    const { publicKey, privateKey } = generateMachineKey();
    const sealed = await cloud.activities.grantServingImage({ image: newest.image, machineKey: publicKey });
    assert.doesNotMatch(JSON.stringify(sealed), /Bearer/);
    const grant = ImageGrant.parse(await openSeal(sealed.jwe, privateKey));
    assert.equal(`sha256:${grant.digest}`, newest.image.digest);
    const claims = JSON.parse(Buffer.from(grant.authorization?.split('.')[1] ?? '', 'base64url').toString()) as object;
    assert.deepEqual((claims as { access: unknown }).access, [
      { type: 'repository', name: 'edge-train/sums', actions: ['pull'] },
    ]);
    assert.ok(Date.parse(sealed.expires) - Date.now() <= 3_600_000);
    const other = { ...newest.image, registry: 'registry.example' };
    await assert.rejects(
      cloud.activities.grantServingImage({ image: other, machineKey: publicKey }),
      type('RegistryWithdrawn'),
    );
  });

  it('refuses to put bytes into an image that are not what was released', async () => {
    const request = await version(await modelFiles(), 1, 'damaged');
    const blob = cloud.release
      .container('edge-train-models')
      .getBlockBlobClient(modelPath('damaged', request.evidence.plan.job, 'code/sums.py'));
    const content = await blob.downloadToBuffer();
    content[0] = content[0]! ^ 1;
    await blob.upload(content, content.length);
    // Another release digest, so that nothing remembered stands for it.
    const release = { ...request.evidence.release, digest: 'd'.repeat(64) };
    await assert.rejects(
      cloud.activities.buildImage({
        ...request,
        evidence: { ...request.evidence, release },
        repository: 'edge-train/damaged',
      }),
      (error: unknown) => error instanceof ServiceError && error.type === 'ArtifactDiffers',
    );
  });

  it('has a base that is the same for the same tar, and names what is missing', async () => {
    const { registry } = cloud;
    const tarPath = `${import.meta.dirname}/../../.tools/images/serving.tar`;
    const again = await pushBaseImage({ registry, tarPath, repository: 'edge-train/base' });
    const base = await readBaseImage(registry, `edge-train/base@${again.digest}`);
    assert.equal(base.digest, again.digest);
    await assert.rejects(
      readBaseImage(registry, `edge-train/base@sha256:${'1'.repeat(64)}`),
      /registry\.base|cannot be used: it is not in the registry/,
    );
    await assert.rejects(
      putManifest(registry, {
        repository: 'edge-train/base',
        tag: again.digest.slice(7, 19),
        content: Buffer.from('{}'),
      }),
      (error: unknown) => error instanceof ServiceError && error.type === 'TagTaken',
    );
  });

  it('answers POST /score from the pulled image, and tells a caller what is wrong with an input', async (context) => {
    const request = { ...(await version(await modelFiles(), 9)), repository: 'edge-train/served' };
    const { registry, repository, digest } = await cloud.activities.buildImage(request);
    const image = `${registry}/${repository}@${digest}`;
    const token = await refreshToken(cloud.registry);
    await pull(image, token);
    const container = await docker(
      'run',
      '--detach',
      '--read-only',
      '--tmpfs',
      '/tmp',
      '--cap-drop',
      'ALL',
      '--publish',
      '127.0.0.1::5001',
      image,
    );
    context.after(async () => {
      await docker('rm', '--force', container);
      await docker('rmi', image);
    });
    const address = await docker('port', container, '5001/tcp');
    const url = `http://${address.split('\n')[0]}`;
    await answering(url, container);

    const score = async (body: unknown, raw = JSON.stringify(body)) => {
      const answer = await fetch(`${url}/score`, {
        method: 'POST',
        body: raw,
        headers: { 'content-type': 'application/json' },
      });
      return { status: answer.status, body: (await answer.json()) as never };
    };
    const rows = [
      [2, 1, 3],
      [0, 0.5, 1],
    ];
    const columns = ['length', 'width', 'count'];
    const expected = [2 * 1.5 - 2 + 30, -1 + 10];
    assert.deepEqual(await score({ input_data: { columns, index: [0, 1], data: rows } }), {
      status: 200,
      body: expected,
    });
    assert.deepEqual(await score({ input_data: rows }), { status: 200, body: expected });
    assert.deepEqual(
      await score({
        dataframe_split: {
          columns: ['count', 'width', 'length'],
          data: [
            [3, 1, 2],
            [1, 0.5, 0],
          ],
        },
      }),
      { status: 200, body: { predictions: expected } },
    );
    const records = rows.map(([length, width, count]) => ({ length, width, count, note: 'not used' }));
    assert.deepEqual(await score(records), { status: 200, body: expected });
    assert.deepEqual(await score({ dataframe_records: records }), { status: 200, body: { predictions: expected } });

    const refused = async (body: unknown, raw?: string) => {
      const answer = (await score(body, raw)) as {
        status: number;
        body: {
          error: { code: string; problems: { path: string; message: string; column?: string }[]; expected: unknown[] };
        };
      };
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      assert.equal(answer.body.error.code, 'BadInput');
      assert.equal(answer.body.error.expected.length, 3);
      return answer.body.error.problems;
    };
    assert.match((await refused(undefined, 'not json'))[0]?.message ?? '', /not JSON/);
    assert.equal((await refused({ input_data: { columns: ['length', 'width'], data: [[1, 2]] } }))[0]?.column, 'count');
    assert.equal(
      (
        await refused({
          input_data: {
            columns,
            data: [
              [1, 2, 3],
              [1, 'two', 3.5],
            ],
          },
        })
      )[0]?.path,
      'input_data.data[1][1]',
    );
    assert.equal(
      (
        await refused([
          { length: 1, width: 2, count: 3 },
          { length: 1, count: 3 },
        ])
      )[0]?.path,
      '[1].width',
    );
    assert.equal(
      (
        await refused({
          input_data: {
            columns,
            data: [
              [1, 2, 3],
              [1, 2],
            ],
          },
        })
      )[0]?.path,
      'input_data.data[1]',
    );
    assert.match((await refused({ rows }))[0]?.message ?? '', /exactly one of/);
    assert.match((await refused({ input_data: [] }))[0]?.message ?? '', /non-empty/);

    const inspected = JSON.parse(await docker('inspect', container)) as {
      Config: { User: string; Labels: Record<string, string> };
    }[];
    assert.equal(inspected[0]?.Config.User, '65532:65532');
    assert.equal(inspected[0]?.Config.Labels['dev.edge-train.release'], request.evidence.release.digest);
    const logs = await docker('logs', container);
    assert.doesNotMatch(logs, /not used/, 'what callers send is not in the log');
  });
});

/** Not `docker login`: that would write the token into the user's own configuration. */
async function pull(image: string, refreshToken: string): Promise<void> {
  const [server = ''] = image.split('/');
  const auth = Buffer.from(JSON.stringify({ username: TOKEN_USER, password: refreshToken, serveraddress: server }))
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('/', '_'); // URL-safe with padding, which Node's own base64url leaves out and Docker wants
  const host = await docker('context', 'inspect', '--format', '{{.Endpoints.docker.Host}}');
  const { request } = await import('node:http');
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

/** All of a plan that the cloud worker reads. */
const deploymentOf = (model: string, version?: number, digest?: string): DeploymentPlan =>
  ({
    ...{ site: 'demo', model },
    ...(version === undefined ? {} : { version }),
    ...(digest === undefined ? {} : { digest }),
  }) as DeploymentPlan;
