import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { releaseDaemon } from '../../sandbox/docker-daemon.ts';
import { isLocked, withLock } from '../../sandbox/supervisor/lock.ts';
import { identify } from '../../sandbox/supervisor/processes.ts';
import { waitUntil } from '../../sandbox/wait-until.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'edge-train-shared-')));
const place = { folder: join(folder, 'docker') };
const [ours, theirs] = [join(folder, 'ours'), join(folder, 'theirs')];
/** Stands in for dockerd: known by its pid file and by the folder on its command line. */
const daemon = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', `${place.folder}/data`]);
after(() => {
  daemon.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

test('the daemon stays while another sandbox of the clone is being started or removed, and ends with the last', async () => {
  mkdirSync(join(place.folder, 'users'), { recursive: true });
  for (const user of [ours, theirs]) writeFileSync(join(place.folder, 'users', user.replaceAll('/', '%')), '');
  writeFileSync(join(place.folder, 'dockerd.pid'), String(daemon.pid));
  await withLock(theirs, assert.fail, async () => {
    assert.equal(await isLocked(theirs), true);
    await releaseDaemon(place, ours);
    assert.ok(identify(daemon.pid!), 'it runs');
  });
  assert.equal(await isLocked(theirs), false);
  await releaseDaemon(place, theirs);
  await waitUntil('its end', 5_000, () => identify(daemon.pid!) === undefined);
});
