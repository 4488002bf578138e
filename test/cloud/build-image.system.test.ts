import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { DeploymentPlan } from '../../domain/deployment.ts';
import { ImageGrant } from '../../domain/grant.ts';
import type { Evidence } from '../../domain/model-version.ts';
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
import type { Elsewhere } from './build-elsewhere.ts';
import { modelFiles, receiptKey, receiptOf, startCloud, uvEnvironment, type TestCloud } from './cloud.ts';
import { refreshToken, TOKEN_USER } from './registry-token.ts';
import { keepVersion, versionOf } from './serve-image.ts';

const ROOT = join(import.meta.dirname, '..', '..');

describe('an image of a model version', () => {
  let cloud: TestCloud;
  before(async () => {
    cloud = await startCloud({ base: true });
  });
  after(async () => cloud?.close());

  const version = (files: Awaited<ReturnType<typeof modelFiles>>, number: number, model?: string) =>
    keepVersion(cloud, files, number, model);

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
    const asked = () => cloud.requests(() => true);
    const before = { writes: await writes(), asked: await asked() };
    assert.deepEqual(await cloud.activities.buildImage(request), { ...first, uploadedBytes: 0 });
    assert.equal(await writes(), before.writes, 'not one byte was offered to the registry');
    const more = (await asked()) - before.asked;
    assert.ok(more <= 20, `${more} requests to see that nothing changed`);

    const second = await cloud.activities.buildImage({ ...(await version(files, 2)), repository: 'edge-train/sums' });
    assert.equal(second.digest, first.digest, 'another version with the same content is the same image');
    assert.deepEqual([first.tag, second.tag], ['v1', 'v2']);

    const elsewhere = await cloud.activities.buildImage({ ...(await version(files, 1)), repository: 'team/sums' });
    assert.equal(elsewhere.digest, first.digest);
    assert.ok(elsewhere.uploadedBytes < 20_000, `${elsewhere.uploadedBytes} bytes: layers are mounted, not sent`);
  });

  it('is the same digest under another clock, time zone, locale, umask, home and user, and with its files in another order', async () => {
    const request = { ...(await version(await modelFiles(), 1, 'same')), repository: 'edge-train/same' };
    const { digest } = await cloud.activities.buildImage(request);
    // What was remembered of each layer goes, and in another repository there is none: all is made anew. The lock stays.
    const models = cloud.release.container('edge-train-models');
    for await (const { name } of models.listBlobsFlat({ prefix: 'images/layers/' }))
      await models.getBlobClient(name).delete();
    const home = await mkdtemp('/var/tmp/edge-train-elsewhere-'); // another user cannot come to the folder of this run
    await chmod(home, 0o777);
    try {
      assert.equal(await buildElsewhere(cloud, request.evidence, { repository: 'other/same', home }), digest);
      const { manifest } = (await findManifest(cloud.registry, 'other/same', 'v1')) ?? {};
      assert.ok(manifest, 'it was pushed there');
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });

  it('is taken by skopeo: described as it is, and copied with every byte that its manifest names', async () => {
    const { evidence, version: first } = await version(await modelFiles(), 1, 'copied');
    const { digest } = await cloud.activities.buildImage({ evidence, version: first, repository: 'team/copied' });
    const skopeo = await skopeoOf(cloud);
    const place = `docker://${cloud.registry.loginServer}/team/copied`;

    const raw = await skopeo('inspect', '--raw', `${place}@${digest}`);
    assert.equal(`sha256:${createHash('sha256').update(raw).digest('hex')}`, digest);
    const { layers, config } = JSON.parse(raw) as ImageManifest;
    const told = JSON.parse(await skopeo('inspect', `${place}:v1`)) as Record<string, unknown>;
    assert.deepEqual([told['Digest'], told['RepoTags']], [digest, ['v1']]);
    assert.deepEqual([told['Os'], told['Architecture']], ['linux', process.arch === 'arm64' ? 'arm64' : 'amd64']);
    assert.deepEqual(
      told['Layers'],
      layers.map((layer) => layer.digest),
    );
    assert.equal((told['Labels'] as Record<string, string>)['dev.edge-train.release'], evidence.release.digest);

    const folder = join(cloud.directory, 'copied');
    await skopeo('copy', '--quiet', `${place}@${digest}`, `dir:${folder}`);
    for (const blob of [config, ...layers]) {
      const file = join(folder, blob.digest.replace('sha256:', ''));
      assert.equal((await stat(file)).size, blob.size);
      const hash = createHash('sha256');
      await pipeline(createReadStream(file), hash);
      assert.equal(`sha256:${hash.digest('hex')}`, blob.digest);
    }
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
    const blob = `/v2/edge-train/signed/blobs/${environment}`;
    const fetched = await cloud.requests(({ method, path }) => method === 'GET' && path === blob);
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
});

/** Logged in as Docker would be, and trusting this registry; its answer is what it printed. */
async function skopeoOf({ registry, directory }: TestCloud): Promise<(...args: string[]) => Promise<string>> {
  const [trusted, login] = [join(directory, 'trusted'), join(directory, 'login.json')];
  await mkdir(trusted);
  await writeFile(join(trusted, 'ca.crt'), registry.ca ?? '');
  const auth = Buffer.from(`${TOKEN_USER}:${await refreshToken(registry)}`).toString('base64');
  await writeFile(login, JSON.stringify({ auths: { [registry.loginServer]: { auth } } }), { mode: 0o600 });
  return async (verb, ...args) => {
    const certificates = verb === 'copy' ? '--src-cert-dir' : '--cert-dir';
    const all = ['--insecure-policy', verb, '--authfile', login, certificates, trusted, ...args];
    return (await promisify(execFile)('skopeo', all, { maxBuffer: 2 ** 24 })).stdout;
  };
}

/** In a process of another user, with a clock, a home, a time zone, a locale and a umask of its own. */
async function buildElsewhere(
  cloud: TestCloud,
  { plan, release, environment }: Evidence,
  { repository, home }: { repository: string; home: string },
): Promise<string> {
  const { info } = cloud.sandbox;
  const { loginServer, audience = '', ca = '' } = cloud.registry;
  const uv = await uvOfThen(home);
  const request: Elsewhere = {
    azure: { ...info.azure, clientSecret: (await readFile(info.azure.clientSecretFile, 'utf8')).trim(), ca },
    registry: { loginServer, audience, ca },
    release: {
      endpoint: info.release.blobEndpoint,
      key: (await readFile(info.release.accountKeyFile, 'utf8')).trim(),
      container: 'edge-train-models',
    },
    folder: modelPath(plan.model.name, plan.job, ''),
    tool: {
      ...{ path: uv, cacheDir: join(home, 'cache'), environment: { ...uvEnvironment(), HOME: home } },
      index: info.packageIndex?.url ?? '',
    },
    image: {
      ...{ base: cloud.base, repository, tag: 'v1', trainedWith: environment.packages },
      model: {
        ...{ name: plan.model.name, release: release.digest },
        artifacts: [...release.artifacts].reverse(),
      },
    },
  };
  const child = spawn(
    'sh',
    [
      '-c',
      'umask 077; exec "$0" "$@"',
      process.execPath,
      '--import',
      here('other-clock.ts'),
      here('build-elsewhere.ts'),
    ],
    {
      ...{ uid: 65534, gid: 65534, cwd: home, stdio: ['pipe', 'pipe', 'inherit'] },
      env: { PATH: process.env['PATH'], HOME: home, TMPDIR: home, TZ: 'Pacific/Kiritimati', LC_ALL: 'tr_TR.UTF-8' },
    },
  );
  child.stdin.end(JSON.stringify(request));
  return text(child.stdout);
}

/** A uv whose files are of another time than now: what it laid out is as old as the century. */
async function uvOfThen(home: string): Promise<string> {
  await copyFile(join(ROOT, '.tools', 'uv'), join(home, 'uv-itself'));
  const uv = join(home, 'uv');
  await writeFile(
    uv,
    `#!/bin/sh
"${home}/uv-itself" "$@" || exit
while [ $# -gt 0 ]; do
  if [ "$1" = --target ]; then find "$2" -exec touch --date 2001-01-01 {} +; fi
  shift
done
`,
  );
  for (const file of [uv, join(home, 'uv-itself')]) await chmod(file, 0o755);
  return uv;
}

const here = (name: string): string => join(import.meta.dirname, name);

/** All of a plan that the cloud worker reads. */
const deploymentOf = (model: string, version?: number, digest?: string): DeploymentPlan =>
  ({
    ...{ site: 'demo', model },
    ...(version === undefined ? {} : { version }),
    ...(digest === undefined ? {} : { digest }),
  }) as DeploymentPlan;
