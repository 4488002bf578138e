import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { until } from '../support/until.ts';
import { isAlive, startNode } from './program.ts';
import { root, scratchFolder } from './scratch.ts';
import { wheelFolder } from './wheel-folder.ts';

/** A stand-in for a package index: it has one wheel of uv, and stops in its middle while `hold` says so. */
let index: Server;
let held: ServerResponse | undefined;
let hold = false;
const wheels = wheelFolder('uv', '0.13.9', 'uv');
const name = readdirSync(wheels)[0] ?? '';
const wheel = readFileSync(path.join(wheels, name));
const clone = cloneWithoutUv();

before(async () => {
  index = createServer((request, response) => {
    if (!request.url?.endsWith('.whl'))
      return void response.setHeader('content-type', 'text/html').end(`<a href="/${name}">${name}</a>`);
    response.setHeader('content-length', wheel.length);
    if (!hold) return void response.end(wheel);
    response.write(wheel.subarray(0, wheel.length / 2));
    held = response;
  });
  await new Promise<void>((resolve) => index.listen(0, '127.0.0.1', resolve));
});

after(() => {
  index.closeAllConnections();
  index.close();
});

test('set-up that is killed in the middle of a part leaves the next one able to work', async () => {
  const { pip, program } = await heldSetUp();
  program.child.kill('SIGKILL');
  await program.ended;
  await until('pip is gone with it', () => !isAlive(pip));
  assert.equal(existsSync(path.join(clone, '.tools/uv')), false);
  await bringsUv();
});

test('so does one that is interrupted, and it says so', async () => {
  for (const place of ['uv', 'stamps/uv']) rmSync(path.join(clone, '.tools', place));
  const { pip, program } = await heldSetUp();
  program.child.kill('SIGINT');
  const { code, output } = await program.ended;
  assert.equal(code, 130);
  assert.match(output, /^Set-up interrupted \(SIGINT\)\. The next one goes on from here\.$/m);
  await until('pip is gone with it', () => !isAlive(pip));
  await bringsUv();
});

/** Set-up at the moment at which it has half of the wheel, and the pip that fetches it. */
async function heldSetUp() {
  held = undefined;
  hold = true;
  const program = setUp();
  await until('half of the wheel is sent', () => {
    assert.equal(program.child.exitCode, null, program.output());
    return held !== undefined;
  });
  hold = false;
  const pip = childOf(program.child.pid ?? 0);
  assert.ok(isAlive(pip));
  return { program, pip };
}

/** Once, whole; the one after it finds nothing to do. */
async function bringsUv(): Promise<void> {
  const { code, output } = await setUp().ended;
  assert.equal(code, 0, output);
  assert.match(output, /^ {2}done: uv, /m);
  assert.equal(execFileSync(path.join(clone, '.tools/uv'), { encoding: 'utf8' }), 'uv runs\n');
  assert.deepEqual(readdirSync(path.join(clone, '.tools/tmp')), []);
  const again = await setUp().ended;
  assert.deepEqual([again.code, again.output], [0, '']);
}

function setUp() {
  const url = `http://127.0.0.1:${(index.address() as AddressInfo).port}/`;
  const env = {
    PIP_INDEX_URL: url,
    PIP_EXTRA_INDEX_URL: '',
    PIP_FIND_LINKS: '',
    PIP_NO_CACHE_DIR: '1',
    PIP_NO_INDEX: '',
  };
  return startNode(['setup/main.mjs', 'setup'], { cwd: clone, env: { ...env, no_proxy: '127.0.0.1' } });
}

/** What set-up is made of, and all that it has brought but uv; the hash that it names is our wheel's. */
function cloneWithoutUv(): string {
  const folder = scratchFolder();
  for (const name of ['setup', 'package.json', 'package-lock.json'])
    cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  mkdirSync(path.join(folder, '.tools'));
  for (const name of ['node', 'temporal', 'images'])
    symlinkSync(path.join(root, '.tools', name), path.join(folder, '.tools', name));
  cpSync(path.join(root, '.tools/stamps'), path.join(folder, '.tools/stamps'), { recursive: true });
  rmSync(path.join(folder, '.tools/stamps/uv'));
  const recipe = path.join(folder, 'setup/uv.mjs');
  const ours = `'sha256-${createHash('sha256').update(wheel).digest('hex')}'`;
  writeFileSync(recipe, readFileSync(recipe, 'utf8').replaceAll(/'sha256-[0-9a-f]{64}'/g, ours));
  return folder;
}

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
}
