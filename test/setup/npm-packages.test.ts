import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { isInstalled } from '../../setup/part.mjs';
import { npmPackages } from '../../setup/npm-packages.mjs';
import { scratchFolder } from './scratch.ts';

const zod = { version: '4.0.0', integrity: 'sha512-a' };
const forOthers = { version: '1.0.0', integrity: 'sha512-b', optional: true };

/** A clone with this lockfile, and with what npm noted in node_modules. */
function clone(locked: object, present: object | undefined): string {
  const folder = scratchFolder();
  writeFileSync(path.join(folder, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...locked } }));
  mkdirSync(path.join(folder, 'node_modules'));
  const noted = path.join(folder, 'node_modules/.package-lock.json');
  if (present) writeFileSync(noted, JSON.stringify({ packages: present }));
  return folder;
}

const isThere = (folder: string): Promise<boolean> => isInstalled(npmPackages(folder), path.join(folder, '.tools'));

test('node_modules that agree with the lockfile are taken as they are', async () => {
  assert.equal(await isThere(clone({ 'node_modules/zod': zod }, { 'node_modules/zod': zod })), true);
  const locked = { 'node_modules/zod': zod, 'node_modules/windows-only': forOthers };
  assert.equal(await isThere(clone(locked, { 'node_modules/zod': zod })), true);
});

test('anything else is installed anew: absent, interrupted, another version or hash, something too much', async () => {
  const locked = { 'node_modules/zod': zod };
  assert.equal(await isThere(clone(locked, undefined)), false);
  assert.equal(await isThere(clone(locked, {})), false);
  assert.equal(await isThere(clone(locked, { 'node_modules/zod': { ...zod, version: '3.0.0' } })), false);
  assert.equal(await isThere(clone(locked, { 'node_modules/zod': { ...zod, integrity: 'sha512-x' } })), false);
  assert.equal(await isThere(clone(locked, { 'node_modules/zod': zod, 'node_modules/extra': zod })), false);
});

test('a changed lockfile is noticed', async () => {
  const folder = clone({ 'node_modules/zod': zod }, { 'node_modules/zod': zod });
  assert.equal(await isThere(folder), true);
  const locked = { packages: { '': {}, 'node_modules/zod': { ...zod, version: '4.0.1' } } };
  writeFileSync(path.join(folder, 'package-lock.json'), JSON.stringify(locked));
  assert.equal(await isThere(folder), false);
});
