import assert from 'node:assert/strict';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import type { CompletedJob, PreparedEnvironment } from '../../domain/completed-job.ts';
import { Failure } from '../../domain/failure.ts';
import type { SealedGrant } from '../../domain/grant.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { pullToken } from '../../services/container-registry/pull-token.ts';
import type { Registry } from '../../services/container-registry/session.ts';
import { openCredential } from '../../services/machine-learning/workspace.ts';
import { seal } from '../../services/signing.ts';
import { machinesDouble } from '../sandbox/machines-double.ts';
import { startFixture, type Fixture } from '../sandbox/fixture.ts';
import { startDockerRegistry, type Upstream } from '../sandbox/upstream.ts';
import { digestOf, tar, type Member } from '../services/layers.ts';
import { pushImage } from '../support/push-image.ts';
import { startEdge, type Edge } from './edge.ts';
import { planFor } from './plan.ts';

const REPOSITORY = 'team/tools';
const CREDENTIAL = { username: 'site', password: 'the-pull-token' };
const serving = join(import.meta.dirname, '..', '..', '.tools', 'images', 'serving.tar');

describe('an image of the sandbox’s registry, on a VM', () => {
  let upstream: Upstream;
  let sandbox: Fixture;
  let registry: Registry;
  let host: string;
  let edge: Edge;
  let base: { tar: Buffer; packed: Buffer };
  const allow: string[] = [];
  before(
    async () => {
      upstream = await startDockerRegistry();
      sandbox = await startFixture(machinesDouble(), (config) => ({
        ...config,
        dockerRegistry: { url: upstream.url },
        pullToken: { name: CREDENTIAL.username, password: CREDENTIAL.password },
      }));
      host = `127.0.0.1:${sandbox.config.ports.registry}`;
      allow.push(host);
      const { tenant, clientId, clientSecret } = sandbox.config.azure;
      const { ca } = sandbox;
      const credential = openCredential({ tenant, clientId, clientSecret, authority: sandbox.azure, ca });
      registry = { loginServer: host, audience: 'https://management.azure.com', ca, credential };
      const content = await buffer(createReadStream(serving));
      base = {
        tar: content,
        packed: zstdCompressSync(content, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
      };
      edge = await startEdge({ allow, ca });
    },
    { timeout: 400_000 },
  );
  after(
    async () => {
      await edge?.close();
      await sandbox?.[Symbol.asyncDispose]();
      await upstream?.[Symbol.asyncDispose]();
    },
    { timeout: 120_000 },
  );

  const push = (tag: string, ...members: Member[]) =>
    pushImage(registry, REPOSITORY, tag, [base, { tar: tar(...members) }], {
      env: ['PATH=/opt/tools:/usr/bin:/bin', 'FLAVOUR=image'],
    });

  function planWith(digest: string, command = 'true', job = '0'.repeat(20)): TrainingPlan {
    const image = {
      reference: `${host}/${REPOSITORY}`,
      registry: host,
      repository: REPOSITORY,
      digest: digest.slice(7),
    };
    return {
      ...planFor(job, command),
      environment: { name: image.reference, requirements: [], digest: image.digest, image },
    };
  }

  async function grant(digest: string, expires = new Date(Date.now() + 60_000)): Promise<SealedGrant> {
    const source = { registry: host, repository: REPOSITORY, uplink: edge.site.uplink, ca: sandbox.ca };
    const { authorization } = await pullToken(source, CREDENTIAL);
    const { kty, crv, x, y } = edge.machine.config.privateKey;
    const value = { kind: 'image', registry: host, repository: REPOSITORY, digest: digest.slice(7), authorization };
    return { kind: 'image', jwe: await seal(value, { kty, crv, x, y }), expires: expires.toISOString() };
  }

  const prepare = async (digest: string, plan = planWith(digest)) =>
    edge.begin('prepareEnvironment', { plan, grants: [await grant(digest)] });

  async function fails(digest: string, type: string, why: RegExp, retryable = false): Promise<void> {
    const failure = await edge.failureOf(await prepare(digest));
    assert.deepEqual([failure.type, failure.nonRetryable], [type, !retryable], failure.message);
    assert.match(failure.message, why);
  }

  it(
    'is pulled once, and is what the script runs in: its files, its packages, its variables; not the VM’s',
    { timeout: 240_000 },
    async () => {
      const digest = await push(
        'v1',
        { name: 'opt/marker', content: 'of the image\n' },
        { name: 'opt/tools/' },
        { name: 'opt/tools/measure', content: '#!/bin/sh\necho measured\n', mode: 0o755 },
        { name: 'usr/lib/python3/dist-packages/tiny.py', content: 'answer = 42\n' },
        { name: 'etc/.wh.debian_version' },
      );
      const begun = Date.now();
      const made = (await (await prepare(digest)).result()) as PreparedEnvironment;
      console.log(`pulled, unpacked and sealed in ${Date.now() - begun} ms`);
      assert.deepEqual(made, { digest: digest.slice(7), lock: digest.slice(7), packages: [], cached: false });

      const asked = edge.site.asked.length;
      const again = await edge.ask<PreparedEnvironment>('prepareEnvironment', { plan: planWith(digest), grants: [] });
      assert.deepEqual([again.cached, edge.site.asked.length], [true, asked], 'nothing was asked for again');

      const job = 'a'.repeat(20);
      const command = [
        'cat /opt/marker; measure; echo "$FLAVOUR $TEST"; python3 -c "import tiny; print(tiny.answer)"',
        'ls /etc/debian_version /var/lib/edge-train /etc/edge-train 2>/dev/null; echo 12345 >/job/outputs/model/model.json',
      ].join('\n');
      const plan = planWith(digest, command, job);
      const completed = (await (await edge.trainPlan(plan)).result()) as CompletedJob;
      assert.equal(completed.exitCode, 0);
      assert.equal(await edge.log(job), 'of the image\nmeasured\nimage yes\n42\n');
      const inspection = await edge.ask<{ artifacts: { path: string }[] }>('inspectOutputs', { plan });
      assert.deepEqual(
        inspection.artifacts.map(({ path }) => path),
        ['model.json'],
      );
    },
  );

  it('is refused when a bit of a layer has changed in the registry, and is pulled whole when it is right again', async () => {
    const members: Member[] = [{ name: 'opt/changed', content: 'x'.repeat(5000) }];
    const digest = await push('changed', ...members);
    const layer = digestOf(tar(...members)).slice(7);
    const path = join(upstream.directory, `data/docker/registry/v2/blobs/sha256/${layer.slice(0, 2)}/${layer}/data`);
    const right = readFileSync(path);
    const wrong = Buffer.from(right);
    wrong[600]! ^= 1;
    writeFileSync(path, wrong);
    await fails(digest, 'ImageDiffers', /other bytes/);
    assert.equal((await edge.machine.exec(['test', '-e', `/var/lib/edge-train/images/${digest.slice(7)}`])).code, 1);
    writeFileSync(path, right);
    assert.equal(((await (await prepare(digest)).result()) as PreparedEnvironment).cached, false);
  });

  it('is refused with the reason where it cannot be a root, or leaves its own', async () => {
    const alone = (tag: string, ...members: Member[]) =>
      pushImage(registry, REPOSITORY, tag, [{ tar: tar(...members) }]);
    await fails(
      await alone('no-bash', { name: 'bin/sh', content: 'x', mode: 0o755 }),
      'ImageUnusable',
      /no \/bin\/bash/,
    );
    await fails(await alone('leaves', { name: '../../jobs/x', content: 'x' }), 'ImageUnusable', /leaves its root/);
    const other = tar({ name: 'bin/bash', content: 'other' });
    const lies = await pushImage(registry, REPOSITORY, 'lies', [
      { tar: tar({ name: 'bin/bash', content: 'x' }), packed: other },
    ]);
    await fails(lies, 'ImageUnusable', /not the one that its config names/);
    const arm = await pushImage(registry, REPOSITORY, 'arm', [{ tar: tar() }], { architecture: 'arm64' });
    await fails(arm, 'ImageUnusable', /for linux on arm64/);
  });

  it('is not what a job gets that asks for a Python which the VM lacks: the nearest is named, and not taken', async () => {
    const plan = {
      ...planFor('0'.repeat(20), 'true'),
      environment: { name: 'old', python: '3.9', requirements: [], digest: '9'.repeat(64) },
    };
    const failure = await edge.failureOf(await edge.begin('prepareEnvironment', { plan }));
    const { cause, nextStep } = Failure.parse(failure.details?.[0]);
    assert.deepEqual([failure.type, failure.nonRetryable], ['PythonNotOffered', true]);
    assert.match(cause, /no Python 3\.9 .* it has 3\.11\./);
    assert.match(nextStep, /Python 3\.11, the nearest/);
  });

  it('is pulled only with a grant for it, and only through the uplink', async () => {
    const digest = await push('granted', { name: 'opt/granted', content: 'x' });
    const plan = planWith(digest);
    const late = await edge.begin('prepareEnvironment', {
      plan,
      grants: [await grant(digest, new Date(Date.now() - 1000))],
    });
    assert.equal((await edge.failureOf(late)).type, 'GrantExpired');
    const other = await grant(`sha256:${'f'.repeat(64)}`);
    const wrong = await edge.begin('prepareEnvironment', { plan, grants: [other] });
    assert.equal((await edge.failureOf(wrong)).type, 'ImageNotGranted');
    const granted = await grant(digest);
    allow.splice(allow.indexOf(host), 1);
    try {
      const shut = await edge.failureOf(await edge.begin('prepareEnvironment', { plan, grants: [granted] }));
      assert.deepEqual([shut.type, shut.nonRetryable], ['UplinkDenied', true]);
    } finally {
      allow.push(host);
    }
  });
});
