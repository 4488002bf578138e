import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { inChunks } from '../../services/container-registry/blobs.ts';
import { assembleImage, digestOf, type ImageManifest } from '../../services/oci-image/image.ts';
import { writeTar, type TarFile } from '../../services/oci-image/tar.ts';
import { environmentFiles } from '../../services/serving-image/environment-layer.ts';
import { findServedModel, readFlavors, readRequirements } from '../../services/serving-image/mlflow-model.ts';
import { packagesKey } from '../../services/serving-image/packages.ts';

const file = (path: string, content: string | Buffer, executable = false): TarFile => {
  const bytes = Buffer.from(content);
  return {
    ...{ path, bytes: bytes.length, executable },
    open: async function* () {
      yield bytes;
    },
  };
};

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

describe('a layer’s tar', () => {
  const long = `${'a'.repeat(120)}/${'b'.repeat(180)}.py`;
  const files = [
    file('opt/z.txt', 'last'),
    file('opt/a/run', '#!/bin/sh\n', true),
    file(`opt/${'d'.repeat(60)}/${'e'.repeat(60)}/f`, 'split between name and prefix'),
    file(long, 'longer than ustar can say'),
    file('opt/ümläut', Buffer.alloc(513, 7)),
    file('opt/empty', ''),
  ];

  it('is what GNU tar reads: content, modes, names of every length, time 0, owner 0', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'edge-train-tar-'));
    context.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'layer.tar'), await collect(writeTar(files)));
    const tar = (...args: string[]) =>
      promisify(execFile)('tar', [...args, '--file', join(folder, 'layer.tar')], { cwd: folder });
    await tar('--extract', '--preserve-permissions');
    for (const each of files)
      assert.deepEqual(await readFile(join(folder, each.path)), await collect(each.open()), each.path);
    assert.equal((await stat(join(folder, 'opt/a/run'))).mode & 0o777, 0o755);
    assert.equal((await stat(join(folder, 'opt/z.txt'))).mode & 0o777, 0o644);
    const { stdout } = await tar('--list', '--verbose', '--numeric-owner', '--utc', '--full-time');
    const lines = stdout.trim().split('\n');
    for (const line of lines) assert.match(line, / 0\/0 .* 1970-01-01 00:00:00 /);
    const names = lines.map((line) => line.split(' 00:00:00 ')[1] ?? '');
    assert.equal(new Set(names).size, names.length, 'no folder stands twice');
    assert.ok(names.indexOf('opt/') < names.indexOf('opt/a/'), 'a folder before what is in it');
  });

  it('depends on the files alone, not on their order or their chunks', async () => {
    const wanted = digestOf(await collect(writeTar(files)));
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(files, { minLength: files.length }),
        fc.integer({ min: 1, max: 600 }),
        async (order, size) => {
          const chopped = order.map((each) => ({ ...each, open: () => inChunks(each.open(), size) }));
          assert.equal(digestOf(await collect(writeTar(chopped))), wanted);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('breaks off when a file is not as long as announced', async () => {
    for (const bytes of [2, 4]) {
      const wrong = { ...file('model.bin', 'abc'), bytes };
      await assert.rejects(collect(writeTar([wrong])), /model\.bin has/);
    }
  });

  it('is cut into chunks of one size without losing a byte', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 50 })),
        fc.integer({ min: 1, max: 40 }),
        async (pieces, size) => {
          const whole = Buffer.concat(pieces);
          const source = (async function* () {
            for (const piece of pieces) yield Buffer.from(piece);
          })();
          const chunks: Buffer[] = [];
          for await (const chunk of inChunks(source, size)) chunks.push(chunk);
          assert.deepEqual(Buffer.concat(chunks), whole);
          assert.ok(chunks.slice(0, -1).every(({ length }) => length === size));
        },
      ),
    );
  });
});

describe('an assembled image', () => {
  const blob = (text: string) => ({ digest: digestOf(text), size: text.length });
  const base = {
    manifest: {
      ...({ schemaVersion: 2, mediaType: 'application/vnd.docker.distribution.manifest.v2+json' } as const),
      config: { mediaType: 'application/vnd.docker.container.image.v1+json', ...blob('config') },
      layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', ...blob('base') }],
    } satisfies ImageManifest,
    config: {
      ...{
        architecture: 'amd64',
        os: 'linux',
        rootfs: { type: 'layers', diff_ids: [digestOf('unpacked base')] } as const,
      },
      config: { Env: ['PATH=/bin', 'A=base'], User: 'root' },
      history: [{ created_by: 'debian' }],
    },
  };
  const assemble = () =>
    assembleImage({
      base,
      platform: { os: 'linux', architecture: 'amd64' },
      layers: [{ ...blob('model'), createdBy: 'edge-train' }],
      config: { Env: ['A=ours'], User: '65532:65532' },
    });

  it('has the base’s layers below its own, in OCI’s media types, and overrides the environment by name', () => {
    const image = assemble();
    const manifest = JSON.parse(image.manifest.toString()) as ImageManifest;
    const config = JSON.parse(image.config.toString()) as {
      config: { Env: string[]; User: string };
      rootfs: { diff_ids: string[] };
      history: unknown[];
    };
    assert.deepEqual(manifest.layers, [
      { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...blob('base') },
      { mediaType: 'application/vnd.oci.image.layer.v1.tar', ...blob('model') },
    ]);
    assert.deepEqual(config.rootfs.diff_ids, [digestOf('unpacked base'), digestOf('model')]);
    assert.deepEqual(config.config, { Env: ['PATH=/bin', 'A=ours'], User: '65532:65532' });
    assert.equal(config.history.length, 2, 'one entry a layer');
    assert.equal(manifest.config.digest, `sha256:${createHash('sha256').update(image.config).digest('hex')}`);
    assert.equal(manifest.config.size, image.config.length);
  });

  it('is the same bytes each time', () => {
    assert.deepEqual(assemble(), assemble());
  });
});

describe('the model in an image', () => {
  const artifacts = (...paths: string[]) => paths.map((path) => ({ path, bytes: 1, sha256: 'a'.repeat(64) }));

  it('is where its MLmodel is, the one nearest to the top', () => {
    assert.deepEqual(
      findServedModel(artifacts('deep/er/MLmodel', 'model/MLmodel', 'model/requirements.txt', 'notMLmodel')),
      {
        ...{ root: 'model', loader: 'mlflow', requirements: 'model/requirements.txt' },
      },
    );
    assert.deepEqual(findServedModel(artifacts('MLmodel', 'requirements.txt')), {
      root: '',
      loader: 'mlflow',
      requirements: 'requirements.txt',
    });
  });

  it('may bring its own score.py instead, and something it must have', () => {
    assert.deepEqual(findServedModel(artifacts('score.py', 'weights.onnx')), { root: '', loader: 'score.py' });
    assert.throws(() => findServedModel(artifacts('weights.onnx')), { type: 'ModelNotServable' });
  });

  it('states its packages by name only', () => {
    assert.deepEqual(readRequirements('# made by MLflow\nmlflow==2.22.1\n\npandas>=1.5,<3  # frames\nscikit-learn\n'), [
      'mlflow==2.22.1',
      'pandas>=1.5,<3',
      'scikit-learn',
    ]);
    for (const line of [
      '-r other.txt',
      '--index-url https://evil.example',
      '-e git+https://evil.example',
      'x @ file:///etc/passwd',
      './wheel.whl',
      'https://evil.example/x.whl',
    ])
      assert.throws(() => readRequirements(`pandas\n${line}\n`), { type: 'RequirementRefused' }, line);
  });

  it('has its flavours as plain text', () => {
    assert.deepEqual(
      readFlavors(
        'flavors:\n  sklearn:\n    sklearn_version: 1.5.2\n    code: null\n    nested: {a: 1}\n  python_function: {loader_module: mlflow.sklearn, predict_fn: predict}\n',
      ),
      {
        sklearn: { sklearn_version: '1.5.2' },
        python_function: { loader_module: 'mlflow.sklearn', predict_fn: 'predict' },
      },
    );
    assert.deepEqual(readFlavors(''), {});
  });

  it('has one key for its packages in any order, another for other versions or another machine', () => {
    const target = { python: '3.11', platform: 'x86_64-manylinux_2_28' };
    const key = packagesKey({ requirements: ['a', 'b'], trainedWith: ['a==1', 'b==2'], target });
    assert.equal(packagesKey({ requirements: ['b', 'a'], trainedWith: ['b==2', 'a==1'], target }), key);
    assert.notEqual(packagesKey({ requirements: ['a', 'b'], trainedWith: ['a==1', 'b==3'], target }), key);
    assert.notEqual(
      packagesKey({
        requirements: ['a', 'b'],
        trainedWith: ['a==1', 'b==2'],
        target: { ...target, platform: 'aarch64-manylinux_2_28' },
      }),
      key,
    );
  });
});

describe('an environment’s files', () => {
  it('leave out what names this machine: scripts, their lines in RECORD, the lock', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'edge-train-packages-'));
    context.after(() => rm(folder, { recursive: true }));
    const { mkdir } = await import('node:fs/promises');
    for (const name of ['bin', 'mlflow', 'mlflow-2.dist-info', 'mlflow/bin'])
      await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, 'bin', 'mlflow'), '#!/home/me/python\n');
    await writeFile(join(folder, '.lock'), '');
    await writeFile(join(folder, 'mlflow', '__init__.py'), 'x = 1\n');
    await writeFile(join(folder, 'mlflow', 'bin', 'kept.py'), '');
    await writeFile(
      join(folder, 'mlflow-2.dist-info', 'RECORD'),
      'bin/mlflow,sha256=abc,18\nmlflow/__init__.py,sha256=def,6\nmlflow/bin/kept.py,,\n',
    );
    const files = await environmentFiles(folder);
    const paths = files.map(({ path }) => path).sort();
    assert.deepEqual(paths, [
      ...['opt/edge-train/packages/mlflow-2.dist-info/RECORD', 'opt/edge-train/packages/mlflow/__init__.py'],
      'opt/edge-train/packages/mlflow/bin/kept.py',
    ]);
    const record = files.find(({ path }) => path.endsWith('RECORD'));
    assert.equal((await collect(record!.open())).toString(), 'mlflow/__init__.py,sha256=def,6\nmlflow/bin/kept.py,,\n');
  });
});
