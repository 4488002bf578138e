import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { packagesOf, watchPackages, type LayerPackages } from '../../services/oci-image/layer-packages.ts';
import { readRequirements } from '../../services/serving-image/mlflow-model.ts';
import { INFERENCE_SERVER, lockPackages, withPackages } from '../../services/serving-image/packages.ts';

const TARGET = { python: '3.11', platform: 'x86_64-manylinux_2_28' };
const UV = join(import.meta.dirname, '../../.tools/uv');

it('a wheel with a local version, as PyTorch’s for CPUs has, is locked by it and laid out', async (context) => {
  const server = INFERENCE_SERVER.split('==') as [string, string];
  const index = await startIndex(context, [
    server,
    ['torch', '2.9.1'],
    ['torch', '2.9.1+cpu'],
    ['torch', '2.9.1+cu130'],
  ]);
  const folder = await mkdtemp(join(tmpdir(), 'edge-train-uv-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const tool = { path: UV, index, cacheDir: folder, environment: { HOME: folder, PATH: '/usr/bin:/bin' } };
  for (const [asked, trainedWith] of [
    ['torch==2.9.1+cpu', []],
    // MLflow leaves the local part out of what it writes; what the training had decides.
    ['torch==2.9.1', ['torch==2.9.1+cpu']],
  ] as const) {
    const requirements = readRequirements(`${asked}\n`);
    const lock = await lockPackages(tool, { requirements, trainedWith, target: TARGET });
    assert.match(lock, /^torch==2\.9\.1\+cpu \\$/m, `${asked}: ${lock}`);
    let found: LayerPackages | undefined;
    await withPackages(tool, { lock, target: TARGET }, async (source) => {
      for await (const piece of watchPackages(source, (packages) => (found = packages))()) void piece;
    });
    const packages = packagesOf(found ? [found] : []).packages.map(({ name, version }) => `${name} ${version}`);
    assert.deepEqual(packages.sort(), [server.join(' ').replaceAll('-', '_'), 'torch 2.9.1+cpu']);
  }
});

/** A package index of a site's own (PEP 503) on loopback, with an empty wheel for each. */
async function startIndex(context: TestContext, wheels: readonly (readonly [string, string])[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-train-index-'));
  context.after(() => rm(folder, { recursive: true }));
  const pages = new Map<string, string>();
  for (const [name, version] of wheels) {
    const file = `${name.replaceAll('-', '_')}-${version}-py3-none-any.whl`;
    const content = await emptyWheel(join(folder, file), name.replaceAll('-', '_'), version);
    const hash = createHash('sha256').update(content).digest('hex');
    const link = `<a href="/files/${encodeURIComponent(file)}#sha256=${hash}">${file}</a>`;
    pages.set(name, `${pages.get(name) ?? ''}${link}\n`);
  }
  const listener = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    const page = pages.get(/^\/simple\/([^/]+)\/$/.exec(path)?.[1] ?? '');
    if (page !== undefined) return void response.writeHead(200, { 'content-type': 'text/html' }).end(page);
    readFile(join(folder, path.replace('/files/', ''))).then(
      (content) => response.writeHead(200).end(content),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  context.after(() => void listener.close());
  return `http://127.0.0.1:${(listener.address() as AddressInfo).port}/simple`;
}

async function emptyWheel(path: string, name: string, version: string): Promise<Buffer> {
  const info = `${name}-${version}.dist-info`;
  const folder = `${path}.folder`;
  await mkdir(join(folder, info), { recursive: true });
  await writeFile(join(folder, info, 'METADATA'), `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`);
  await writeFile(join(folder, info, 'WHEEL'), 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n');
  await writeFile(join(folder, info, 'RECORD'), '');
  execFileSync('python3', ['-m', 'zipfile', '-c', path, join(folder, info)]);
  return readFile(path);
}
