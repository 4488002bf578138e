import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startNode } from './program.ts';
import { root } from './scratch.ts';

const tools = path.join(root, '.tools');

test('with everything there, set-up says nothing and knows it in less than three seconds', async () => {
  await startNode(['setup/main.mjs', 'setup'], { cwd: root }).ended;
  const begun = Date.now();
  const { code, output } = await startNode(['setup/main.mjs', 'setup'], { cwd: root }).ended;
  assert.deepEqual([code, output], [0, '']);
  assert.ok(Date.now() - begun < 3000, `it took ${Date.now() - begun} ms`);
});

test('what it brought is what it says', () => {
  const version = (program: string): string =>
    execFileSync(path.join(tools, program), ['--version'], { encoding: 'utf8' });
  assert.match(version('node/bin/node'), /^v24\.21\.0$/m);
  assert.match(version('temporal'), /Server 1\.32\.0/);
  assert.match(version('uv'), /^uv 0\.13\.9/);
  for (const image of ['vm', 'serving']) {
    const sum = createHash('sha256').update(readFileSync(path.join(tools, 'images', `${image}.tar`)));
    assert.equal(
      readFileSync(path.join(tools, 'images', `${image}.tar.sha256`), 'utf8'),
      `${sum.digest('hex')}  ${image}.tar\n`,
    );
  }
});

test('the root file systems say nothing of this machine’s mirrors, names or keys', () => {
  for (const image of ['vm', 'serving']) {
    const tar = path.join(tools, 'images', `${image}.tar`);
    const names = execFileSync('tar', ['-tf', tar], { encoding: 'utf8', maxBuffer: 64 << 20 }).split('\n');
    const unwanted =
      /^\.\/(etc\/ssh\/ssh_host_|etc\/resolv\.conf|var\/lib\/apt\/lists\/[^/]*_|etc\/apt\/apt\.conf\.d\/99|var\/log\/.*\.log$)/;
    assert.deepEqual(
      names.filter((name) => unwanted.test(name)),
      [],
    );
    const sources = names.filter((name) => /^\.\/etc\/apt\/(sources\.list$|sources\.list\.d\/.)/.test(name));
    for (const name of sources) assert.equal(execFileSync('tar', ['-xOf', tar, name], { encoding: 'utf8' }), '', name);
  }
});
