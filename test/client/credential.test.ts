import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { generateSigningKey } from '../../services/signing.ts';
import { command } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'edge-train-credential-'));
after(() => rmSync(folder, { recursive: true }));
const keyFile = (name: string) => {
  const file = join(folder, name);
  writeFileSync(file, generateSigningKey().privateKey, { mode: 0o600 });
  return `${name}=${file}`;
};
const [first, second] = [keyFile('first'), keyFile('second')];

test('what is issued by a key is taken by the key set that has its public half, and only for its namespace', async () => {
  const issued = await command(['credential', 'issue', '--key', first, '--namespace', 'hospital', '--subject', 'ana']);
  assert.equal(issued.exitCode, 0, issued.stderr);
  const token = issued.stdout.trim();
  const both = await command(['credential', 'key-set', '--key', first, '--key', second]);
  const keys = JSON.parse(both.stdout) as JSONWebKeySet;
  assert.deepEqual(
    keys.keys.map(({ kid, alg, use }) => [kid, alg, use]),
    [
      ['first', 'ES256', 'sig'],
      ['second', 'ES256', 'sig'],
    ],
  );
  assert.ok(!/"d":/.test(both.stdout), 'no private half');
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys));
  assert.deepEqual([payload.sub, payload['permissions']], ['ana', ['hospital:write']]);
  const days = (payload.exp! * 1000 - Date.now()) / 86_400_000;
  assert.ok(days > 29.9 && days <= 30, `${days} days`);
  const other = JSON.parse((await command(['credential', 'key-set', '--key', second])).stdout) as JSONWebKeySet;
  await assert.rejects(jwtVerify(token, createLocalJWKSet(other)));
});

for (const [what, args, rule] of [
  ['no key', ['--key', `none=${join(folder, 'none')}`], /cannot be read \(ENOENT\)/],
  ['a key without an id', ['--key', join(folder, 'first')], /is ID=FILE/],
  ['a life for ever', ['--key', first, '--days', '100000'], /at most 3650/],
  ['all namespaces', ['--key', first, '--namespace', 'temporal-system'], /opens all others/],
] as const)
  test(`refuses ${what}`, async () => {
    const named = ['--namespace', 'hospital', '--subject', 'ana'];
    const { exitCode, stdout, stderr } = await command(['credential', 'issue', ...named, ...args]);
    assert.equal(exitCode, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, rule);
  });
