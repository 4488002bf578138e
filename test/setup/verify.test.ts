import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { verify } from '../../setup/verify.mjs';
import { forPlatform } from '../../setup/platform.mjs';
import { SetupProblem } from '../../setup/problem.mjs';
import { scratchFolder } from './scratch.ts';

const file = path.join(scratchFolder(), 'package.tgz');
writeFileSync(file, 'content');
const hex = createHash('sha256').update('content').digest('hex');
const base64 = createHash('sha512').update('content').digest('base64');

test('a file with the hash that the repository names is accepted', async () => {
  await verify(file, `sha256-${hex}`);
  await verify(file, `sha512-${base64}`);
});

test('a file with any other content is refused, and the message names both hashes and what to do', async () => {
  const other = createHash('sha256').update('other').digest('hex');
  await assert.rejects(verify(file, `sha256-${other}`), (error: Error) => {
    assert.match(error.message, /package\.tgz is not the file/);
    assert.ok(error.message.includes(hex) && error.message.includes(other));
    assert.match(error.message, /Nothing of it was installed; check the package registry/);
    return true;
  });
});

test('a platform that nothing is brought for is told which would do', () => {
  const table = { 'linux-x64': 1, 'linux-arm64': 2 };
  assert.equal(forPlatform(table, 'Node', 'linux-arm64'), 2);
  assert.throws(
    () => forPlatform(table, 'Node', 'win32-x64'),
    (error: Error) => {
      assert.ok(error instanceof SetupProblem);
      assert.match(error.message, /Node is brought for linux-x64, linux-arm64, this machine is win32-x64/);
      return true;
    },
  );
});
