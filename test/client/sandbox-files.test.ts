import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { clientYml } from '../../client/sandbox/client-yml.ts';
import { cloudYml } from '../../client/sandbox/cloud-yml.ts';
import { writeConfiguration } from '../../client/sandbox/configuration.ts';
import { ensureKeys } from '../../client/sandbox/keys.ts';
import { identify, isAlive } from '../../client/sandbox/process-identity.ts';
import { patiently } from '../../client/sandbox/patiently.ts';
import { ServiceError } from '../../services/errors.ts';
import type { SandboxInfo } from '../../client/sandbox/sandbox-info.ts';
import { siteYml } from '../../client/sandbox/site-yml.ts';
import { statePaths } from '../../client/sandbox/state-paths.ts';
import { ClientFile } from '../../domain/client-file.ts';
import { CloudFile } from '../../domain/cloud-file.ts';
import { SiteFile } from '../../domain/site-file.ts';
import { leftBy } from '../../client/demo/uplink-log.ts';
import { command, folder } from './command.ts';

const id = '12345678-1234-4234-8234-123456789abc';
const info: SandboxInfo = {
  caFile: '/s/ca.pem',
  stackHub: {
    ...{ endpoint: 'https://127.0.0.1:1', tenant: 'adfs', subscription: id, location: 'local', clientId: id },
    ...{ clientSecretFile: '/s/a', vmImage: 'debian:12:minimal:latest', storageAccount: 'siteabc' },
    ...{ storageAccountResourceGroup: 'storage', blobEndpoint: 'https://172.20.0.1:2/siteabc' },
  },
  azure: {
    ...{ endpoint: 'https://127.0.0.1:3', authority: 'https://127.0.0.1:3', tenant: id, subscription: id },
    ...{ resourceGroup: 'ml', workspace: 'ws', clientId: id, clientSecretFile: '/s/b' },
    ...{ audience: 'https://127.0.0.1:3/', attachFrom: '127.0.0.0/8' },
  },
  release: { account: 'rel', blobEndpoint: 'https://127.0.0.1:4/rel', accountKeyFile: '/s/c' },
  registry: { loginServer: '127.0.0.1:5', username: 'site', passwordFile: '/s/d' },
  uplink: { address: 'http://172.20.0.1:6', accessLog: '/s/log' },
  temporal: { address: '127.0.0.1:7', ui: 'http://127.0.0.1:8', namespace: 'default' },
  docker: {},
};

test('the files that the sandbox writes are what the domain takes, and name secrets by reference only', (t) => {
  const keys = ensureKeys(statePaths(folder(t)));
  const base = `edge-train/base@sha256:${'a'.repeat(64)}`;
  const site = SiteFile.parse(parse(siteYml(info, keys, 'https://index.example/simple', '/x')));
  const cloud = CloudFile.parse(
    parse(cloudYml({ info, keys, base, packageIndex: 'https://index.example/simple', schema: '/x' })),
  );
  const sasFiles = { code: '/s/sas', runs: '/s/runs' };
  const client = ClientFile.parse(parse(clientYml({ info, keys, sasFiles, schema: '/x' })));
  assert.deepEqual(client.sites['demo']?.runs?.sas, 'file:/s/runs');
  assert.equal(site.attach.mode, 'require');
  assert.equal(cloud.sites['demo']?.receiptPublicKey.trim(), keys.receiptPublicKey.trim());
  assert.deepEqual(
    [site.receiptKey, cloud.attach?.privateKey],
    [`file:${keys.receiptFile}`, `file:${keys.attachFile}`],
  );
});

test('keys are made once, readable by their owner alone; OpenSSH reads the attach key', (t) => {
  const paths = statePaths(folder(t));
  const keys = ensureKeys(paths);
  assert.deepEqual(ensureKeys(paths), keys);
  for (const file of [keys.receiptFile, keys.attachFile]) assert.equal(statSync(file).mode & 0o777, 0o600);
  const [type, blob] = execFileSync('ssh-keygen', ['-y', '-f', keys.attachFile], { encoding: 'utf8' }).split(/\s/);
  assert.equal(`${type} ${blob}`, keys.attachPublicKey.split(' ').slice(0, 2).join(' '));
});

test('a configuration file follows the sandbox until someone changes it', (t) => {
  const place = folder(t);
  const [file, record] = [join(place, 'site.yml'), join(place, 'written.json')];
  const said: string[] = [];
  const write = (content: string) => writeConfiguration(new Map([[file, content]]), record, (line) => said.push(line));
  write('one');
  write('two');
  assert.equal(readFileSync(file, 'utf8'), 'two');
  writeFileSync(file, 'mine');
  write('three');
  assert.equal(readFileSync(file, 'utf8'), 'mine');
  assert.match(said.join('\n'), /site\.yml is kept as you changed it/);
});

test('a process is known by pid and start time', () => {
  const own = identify(process.pid);
  assert.ok(own && isAlive(own));
  assert.equal(isAlive({ ...own, startTime: '1' }), false);
  assert.equal(identify(2 ** 30), undefined);
});

test('the uplink’s log is summed by destination, from a time on; an absent one is empty', async (t) => {
  const log = join(folder(t), 'access.log');
  assert.deepEqual(await leftBy(log, 0), []);
  writeFileSync(
    log,
    [
      '100.000      1 10.0.0.2 TCP_TUNNEL/200 10 CONNECT old:1 - HIER_DIRECT/x - 99',
      '200.000      1 10.0.0.2 TCP_TUNNEL/200 10 CONNECT a:1 - HIER_DIRECT/x - 5',
      '201.000      1 10.0.0.2 TCP_TUNNEL/200 20 CONNECT a:1 - HIER_DIRECT/x - 6',
      '202.000      1 10.0.0.2 TCP_DENIED/403 0 CONNECT evil:1 - HIER_NONE/- - 0',
      '',
    ].join('\n'),
  );
  assert.deepEqual(await leftBy(log, 150_000), [
    { target: 'a:1', tunnels: 2, refused: 0, sent: 11, received: 30 },
    { target: 'evil:1', tunnels: 0, refused: 1, sent: 0, received: 0 },
  ]);
});

test('`sandbox start --codec` is refused where there are runs in plaintext, before anything is started', async (t) => {
  const path = folder(t, { 'site.yml': 'name: demo' });
  const { exitCode, stderr } = await command(['sandbox', 'start', '--codec', '--state', path]);
  assert.equal(exitCode, 2, stderr);
  assert.match(stderr, /--codec: is for a new sandbox/);
  assert.deepEqual(readdirSync(path), ['site.yml']);
});

test('with encryption all three files name the same key, and the user’s the UI; it is on until the reset', (t) => {
  const paths = statePaths(folder(t));
  assert.equal(ensureKeys(paths).codec, undefined);
  const keys = ensureKeys(paths, true);
  assert.deepEqual(ensureKeys(paths), keys);
  const { keyFile = '', tokenFile = '' } = keys.codec ?? {};
  for (const file of [keyFile, tokenFile]) assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(Buffer.from(readFileSync(keyFile, 'utf8'), 'base64').length, 32);
  const site = SiteFile.parse(parse(siteYml(info, keys, 'https://index.example/simple', '/x')));
  const base = `edge-train/base@sha256:${'0'.repeat(64)}`;
  const cloud = CloudFile.parse(
    parse(cloudYml({ info, keys, base, packageIndex: 'https://index.example/simple', schema: '/x' })),
  );
  const client = ClientFile.parse(
    parse(clientYml({ info, keys, sasFiles: { code: '/s/sas', runs: '/s/runs' }, schema: '/x' })),
  );
  const codec = { keys: { demo: `file:${keyFile}` }, current: 'demo', required: true };
  for (const file of [site, cloud, client]) assert.deepEqual(file.codec, codec);
  assert.deepEqual(client.codecServer?.origins, [new URL(info.temporal.ui).origin]);
});

test('what a service that comes up says will pass is asked again; what will not, or not in time, is told', async () => {
  const refusal = (retryable: boolean) =>
    new ServiceError({ class: 'network', type: 'BadGateway', cause: 'x', nextStep: 'y', retryable });
  let asked = 0;
  const answer = await patiently(async () => {
    if (++asked < 3) throw refusal(true);
    return 'up';
  });
  assert.deepEqual([answer, asked], ['up', 3]);
  for (const [retryable, patience] of [
    [false, 60_000],
    [true, -1],
  ] as const) {
    asked = 0;
    const given = patiently(async () => {
      asked++;
      throw refusal(retryable);
    }, patience);
    await assert.rejects(given, { type: 'BadGateway' });
    assert.equal(asked, 1);
  }
});
