import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readConfig } from '../../workers/config.ts';

const NOWHERE = { HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' };

test('one folder says it all, and single files may stand elsewhere', () => {
  const config = readConfig(
    ['--role', 'cloud,site', '--config', '/etc/edge-train', '--site-file', '/srv/a.yml'],
    NOWHERE,
  );
  assert.deepEqual(config.roles, ['cloud', 'site']);
  assert.equal(config.siteFile, '/srv/a.yml');
  assert.equal(config.cloudFile, '/etc/edge-train/cloud.yml');
  assert.equal(config.cache, '/etc/edge-train/cache');
  assert.equal(config.temporal.options.address, '127.0.0.1:7233');
  assert.equal(config.temporal.namespace, 'default');
});

test('the Temporal server is what Temporal’s own profile says; TEMPORAL_* come first', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'edge-train-config-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(
    path.join(folder, 'temporal.toml'),
    '[profile.default]\naddress = "temporal.site:7233"\nnamespace = "demo"\n[profile.other]\naddress = "other:7233"\n',
  );
  const read = (environment: Record<string, string>) =>
    readConfig(['--role', 'site', '--config', folder], { ...NOWHERE, ...environment }).temporal;
  assert.equal(read({}).options.address, 'temporal.site:7233');
  assert.equal(read({}).namespace, 'demo');
  assert.equal(read({ TEMPORAL_PROFILE: 'other' }).options.address, 'other:7233');
  assert.equal(read({ TEMPORAL_ADDRESS: '10.0.0.1:7233' }).options.address, '10.0.0.1:7233');
  assert.equal(read({ TEMPORAL_NAMESPACE: 'site-a' }).namespace, 'site-a');
});

test('a wrong role, no role and an unknown option are refused with the usage', () => {
  for (const args of [[], ['--role', ''], ['--role', 'edge'], ['--role', 'cloud,edge'], ['--roles', 'cloud'], ['x']])
    assert.throws(() => readConfig(args, NOWHERE), { name: 'StartError', message: /Usage: node workers\/main\.ts/ });
});

test('a profile that is not right is refused in one line', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'edge-train-config-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, 'temporal.toml'), 'not toml [');
  assert.throws(() => readConfig(['--role', 'site', '--config', folder], NOWHERE), {
    name: 'StartError',
    message: /^The Temporal profile cannot be used: [^\n]+$/,
  });
});
