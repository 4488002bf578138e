import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { VERSION } from '../../domain/version.ts';

test('the version is package.json’s', () => {
  const file = readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8');
  assert.equal(VERSION, (JSON.parse(file) as { version: string }).version);
});
