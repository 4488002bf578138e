import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { isAlive, start } from './program.ts';
import { root, scratchFolder } from './scratch.ts';

/**
 * A process that starts a daemon in a network namespace of its own, so that it touches no other daemon's bridge and
 * rules, says so, and stops it when told by SIGTERM.
 */
function daemonIn(folder: string) {
  const script = `
    import { startDaemon } from '${root}/setup/docker-daemon.mjs';
    import { daemonAnswers } from '${root}/setup/docker.mjs';
    const daemon = await startDaemon('${folder}');
    const answers = await daemonAnswers({ ...process.env, DOCKER_HOST: daemon.host });
    const stop = new Promise((resolve) => process.once('SIGTERM', resolve));
    const alive = setInterval(() => {}, 1000);
    console.log('answers: ' + answers);
    await stop;
    await daemon.stop();
    clearInterval(alive);
    console.log('stopped');`;
  return start('unshare', ['--net', process.execPath, '--input-type=module', '-e', script]);
}

const pidOf = (folder: string): number => Number(readFileSync(path.join(folder, 'dockerd.pid'), 'utf8'));

test('a daemon starts over what a killed one left, ends when told, and leaves nothing running or mounted', async () => {
  const folder = path.join(scratchFolder(), 'd');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'dockerd.pid'), String(process.pid)); // a process that is alive, and no daemon

  const first = daemonIn(folder);
  await until('the first daemon', () => /answers: true|could not/.test(first.output()), 90);
  assert.match(first.output(), /answers: true/);
  const killedPid = pidOf(folder);
  process.kill(killedPid, 'SIGKILL');
  await until('the killed daemon to be gone', () => !isAlive(killedPid));
  first.child.kill('SIGKILL');
  await first.ended;

  const second = daemonIn(folder);
  await until('the second daemon', () => /answers: true|could not/.test(second.output()), 90);
  assert.match(second.output(), /answers: true/);
  const pid = pidOf(folder);
  second.child.kill('SIGTERM');
  const { code, output } = await second.ended;
  assert.deepEqual([code, output], [0, 'answers: true\nstopped\n']);
  assert.equal(isAlive(pid), false);
  assert.ok(!readFileSync('/proc/self/mounts', 'utf8').includes(folder));
});

test('a daemon ends with the process that started it, also when that is killed', async () => {
  const folder = path.join(scratchFolder(), 'd');
  const program = daemonIn(folder);
  await until('the daemon', () => /answers: true|could not/.test(program.output()), 90);
  const pid = pidOf(folder);
  program.child.kill('SIGKILL');
  await until('the daemon to be gone', () => !isAlive(pid));
});

test('daemons that start at the same time all start', async () => {
  const folders = ['a', 'b', 'c'].map((name) => path.join(scratchFolder(), name));
  const script = `
    import { startDaemon } from '${root}/setup/docker-daemon.mjs';
    const all = await Promise.allSettled(${JSON.stringify(folders)}.map((folder) => startDaemon(folder)));
    for (const each of all) {
      console.log(each.status === 'fulfilled' ? 'answers' : String(each.reason));
      if (each.status === 'fulfilled') await each.value.stop();
    }`;
  const program = start('unshare', ['--net', process.execPath, '--input-type=module', '-e', script]);
  const { code, output } = await program.ended;
  assert.deepEqual([code, output], [0, 'answers\n'.repeat(3)]);
});
