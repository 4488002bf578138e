import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildEnvironment, readyEnvironment } from '../../activities/edge/build-environment.ts';
import type { EdgeDependencies } from '../../activities/edge/dependencies.ts';
import { readPackageIndex } from '../../sandbox/package-index.ts';
import { sha256 } from '../../services/signing.ts';
import { startProxy } from './site.ts';

/** With `uv` and an index of this machine's, as a VM has them. */
let home: string;
let edge: EdgeDependencies;
let uplink: Awaited<ReturnType<typeof startProxy>>;
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'edge-train-environment-'));
  const { index } = await readPackageIndex();
  assert.ok(index, 'this machine’s pip names a package index');
  uplink = await startProxy('127.0.0.1', [...index.hosts]);
  const uv = join(import.meta.dirname, '..', '..', '.tools', 'uv');
  edge = { home, uv, uplink: uplink.url, packageIndex: index.url } as EdgeDependencies;
});
after(async () => {
  uplink?.close();
  await rm(home, { recursive: true, force: true });
});

test('each package is installed by the hashes of a lock, whose own hash is told; nothing is asked past the uplink', async () => {
  const path = join(home, 'one');
  const plan = { name: 'lean', python: '3.11', requirements: ['packaging==24.2'], digest: '1'.repeat(64) };
  const made = await buildEnvironment(edge, plan, path);
  const lock = await readFile(join(path, 'environment.lock'), 'utf8');
  assert.match(lock, /^# Python 3\.11\npackaging==24\.2 \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n)+$/);
  assert.deepEqual(made, {
    ...{ digest: plan.digest, lock: sha256(lock), python: '3.11', packages: ['packaging==24.2'], cached: false },
  });
  assert.ok((await stat(join(path, 'lib/python3.11/site-packages/packaging/__init__.py'))).isFile());
  assert.ok(uplink.asked.length > 0);
  assert.deepEqual(await readyEnvironment(path), made);
  await rm(join(path, 'environment.lock'));
  assert.equal(await readyEnvironment(path), undefined, 'one without its lock is made anew');
});

test('an environment of Python alone has a lock, too', async () => {
  const path = join(home, 'none');
  const plan = { name: 'python', python: '3.11', requirements: [], digest: '2'.repeat(64) };
  const { lock, packages } = await buildEnvironment(edge, plan, path);
  assert.deepEqual([lock, packages], [sha256('# Python 3.11\n'), []]);
});
