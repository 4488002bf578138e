import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { install, isInstalled, replace, type Part } from '../../setup/part.mjs';
import { until } from '../support/until.ts';
import { startNode } from './program.ts';
import { root, scratchFolder } from './scratch.ts';

/** A part that writes a file, and counts how often it did. */
function filePart(key: string, change: Partial<Part> = {}): Part & { times: () => number } {
  let times = 0;
  const part: Part = {
    name: 'thing',
    why: 'a test',
    from: 'here',
    key: () => key,
    targets: ['thing'],
    async install({ tools, scratch }) {
      times += 1;
      writeFileSync(path.join(scratch, 'thing'), key);
      await replace(path.join(scratch, 'thing'), path.join(tools, 'thing'));
    },
    ...change,
  };
  return { ...part, times: () => times };
}

test('a part is there once it is installed, until its key changes or its target goes', async () => {
  const tools = scratchFolder();
  const part = filePart('1');
  assert.equal(await isInstalled(part, tools), false);
  await install(part, tools);
  assert.equal(await isInstalled(part, tools), true);
  assert.equal(await isInstalled(filePart('2'), tools), false);
  await install(filePart('2'), tools);
  assert.equal(readFileSync(path.join(tools, 'thing'), 'utf8'), '2');
  assert.equal(await isInstalled(part, tools), false);
  assert.equal(await isInstalled(filePart('2', { targets: ['thing', 'thing.sha256'] }), tools), false);
});

test('an installation that fails leaves what was there, and counts as missing', async () => {
  const tools = scratchFolder();
  await install(filePart('1'), tools);
  const failing = filePart('2', { install: () => Promise.reject(new Error('no network')) });
  await assert.rejects(install(failing, tools), /no network/);
  assert.equal(readFileSync(path.join(tools, 'thing'), 'utf8'), '1');
  assert.equal(await isInstalled(failing, tools), false);
  assert.equal(await isInstalled(filePart('1'), tools), false);
});

test('a part that somebody else brought whole is taken as it is, and remembered', async () => {
  const tools = scratchFolder();
  writeFileSync(path.join(tools, 'thing'), 'by hand');
  assert.equal(await isInstalled(filePart('1'), tools), false);
  assert.equal(await isInstalled(filePart('1', { found: () => true }), tools), true);
  assert.equal(await isInstalled(filePart('1', { found: () => false }), tools), true);
});

test('killed in the middle, it leaves no half of anything, and the next set-up is whole', async () => {
  const tools = scratchFolder();
  const script = `
    import { writeFileSync } from 'node:fs';
    import { install } from '${root}/setup/part.mjs';
    await install({ name: 'thing', why: '', from: '', key: () => '1', targets: ['thing'], async install({ scratch }) {
      writeFileSync(scratch + '/thing', 'half');
      console.log('in the middle');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    } }, '${tools}');`;
  const program = startNode(['--input-type=module', '-e', script]);
  await until('the installation to be in the middle', () => program.output().includes('in the middle'));
  program.child.kill('SIGKILL');
  await program.ended;
  assert.equal(existsSync(path.join(tools, 'thing')), false);
  assert.equal(await isInstalled(filePart('1'), tools), false);
  await install(filePart('1'), tools);
  assert.equal(readFileSync(path.join(tools, 'thing'), 'utf8'), '1');
  assert.deepEqual(readdirSync(path.join(tools, 'tmp')), []);
});

test('what replaces a folder does not mix with what was there', async () => {
  const folder = scratchFolder();
  for (const name of ['old/a', 'new/b']) mkdirSync(path.join(folder, name), { recursive: true });
  await replace(path.join(folder, 'new'), path.join(folder, 'old'));
  assert.deepEqual(readdirSync(path.join(folder, 'old')), ['b']);
});
