import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { isAtLeast } from '../../setup/go.mjs';
import { temporalServer } from '../../setup/temporal-server.mjs';
import { root } from './scratch.ts';

test('a Go is new enough by its numbers, and one that is not there is not', () => {
  for (const version of [
    [1, 26, 8],
    [1, 26, 10],
    [1, 27, 0],
    [2, 0, 0],
  ])
    assert.equal(isAtLeast(version, [1, 26, 8]), true, String(version));
  for (const version of [[1, 26, 7], [1, 9, 9], [0, 99, 9], [1, 26], []])
    assert.equal(isAtLeast(version, [1, 26, 8]), false, String(version));
});

test('the server that the tests build is the one that docker-compose.yml runs', async () => {
  const compose = readFileSync(path.join(root, 'docker-compose.yml'), 'utf8');
  const version = /temporalio\/server:([\d.]+)/.exec(compose)?.[1];
  assert.equal(await temporalServer().key(), `go.temporal.io/server/cmd/server@v${version}`);
});
