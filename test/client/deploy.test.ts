import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { DeploymentKeyOutput, type ErrorOutput } from '../../client/output.ts';
import { command } from './command.ts';

const CONFIG = join(import.meta.dirname, '..', '..', 'compose', 'client');

/** Refused before anything is read or asked. */
const REFUSED: Readonly<Record<string, readonly [path: string, rule: RegExp]>> = {
  'deploy heart --to cloud --virtual-machine vm-a --site demo': ['--virtual-machine', /no VMs/],
  'deploy heart --to demo --site other': ['--site', /--to cloud/],
  'deploy heart --to cloud --site Demo': ['--site', /site name/],
  'rollback heart:2 --cloud --site demo': ['model', /goes by what serves/],
  'rollback heart:2 --to cloud --site demo': ['model', /goes by what serves/],
  'undeploy heart --to demo --site other': ['--site', /--to cloud/],
  'undeploy heart --to Demo': ['--to', /site name/],
  'deploy heart:latest --to demo': ['model', /MODEL:VERSION/],
  'deploy heart:0 --to demo': ['model', /MODEL:VERSION/],
  'deploy heart@ --to demo': ['model', /MODEL@ALIAS/],
  'deploy heart@Champion --to demo': ['alias', /an alias is/],
  'deploy heart@v3 --to demo': ['alias', /not like v3/],
  'deploy heart:3@champion --to demo': ['model', /MODEL@ALIAS/],
  'deploy Heart --to demo': ['model', /model name/],
  'deploy heart --to demo --virtual-machine X': ['--virtual-machine', /VM name/],
  'deploy heart --to Demo': ['--to', /site name/],
  'rollback heart:2 --site demo': ['model', /goes by what serves/],
  'rollback heart@champion --site demo': ['model', /goes by what serves/],
  'models promote heart --site demo': ['model', /MODEL:VERSION/],
  'models promote heart@champion --site demo': ['model', /MODEL:VERSION/],
  'models promote heart:3 --alias latest --site demo': ['--alias', /by itself/],
  'models promote heart:3 --alias v3 --site demo': ['--alias', /not like v3/],
  'models promote heart:3 --site Demo': ['--site', /site name/],
  'undeploy heart:2 --site demo': ['model', /goes by what serves/],
  'deployments list --site Demo': ['--site', /site name/],
};

for (const [line, [path, rule]] of Object.entries(REFUSED))
  test(`edge-train ${line}: refused, and nothing is started`, async () => {
    const { exitCode, stdout } = await command([...line.split(' '), '--json', '--config', CONFIG]);
    assert.equal(exitCode, 2, stdout);
    const { faults } = JSON.parse(stdout) as ErrorOutput;
    assert.equal(faults[0]?.path, path);
    assert.match(faults[0]?.rule ?? '', rule);
  });

test('a key is made anew each time, and site.yml gets its SHA-256 alone', async () => {
  const made = await command(['deployments', 'key', 'ward-7', '--json']);
  const { key, sha256, name } = DeploymentKeyOutput.parse(JSON.parse(made.stdout));
  assert.deepEqual([name, Buffer.from(key, 'base64url').length], ['ward-7', 32]);
  assert.equal(createHash('sha256').update(key).digest('hex'), sha256);
  const { stdout } = await command(['deployments', 'key', 'ward-7']);
  const other = /^Key +(\S+)$/m.exec(stdout)?.[1] ?? '';
  assert.notEqual(other, key);
  const refused = await command(['deployments', 'key', 'Ward 7']);
  assert.deepEqual([refused.exitCode, refused.stdout], [2, '']);
  assert.match(refused.stderr, /NAME: a key’s name is a-z, 0-9 and -, from a letter/);
  assert.match(stdout, new RegExp(`^    ward-7: ${createHash('sha256').update(other).digest('hex')}$`, 'm'));
});
