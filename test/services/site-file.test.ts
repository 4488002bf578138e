import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { sha256 } from '../../services/signing.ts';
import { readPem, readSiteFile } from '../../services/site-file.ts';

let directory: string;
before(async () => void (directory = await mkdtemp(join(tmpdir(), 'edge-train-site-file-'))));
after(() => rm(directory, { recursive: true }));

const right = {
  name: 'demo',
  stackHub: {
    endpoint: 'https://management.local',
    tenant: 'adfs',
    subscription: '7b0f0f3e-3c1b-4a53-9d5c-0a3f4b1f8c11',
    location: 'local',
    resourceGroup: 'edge',
    clientId: 'id',
    clientSecret: 'env:SECRET',
  },
  virtualMachines: { image: 'a:b:c:d', sizes: ['Standard_DS1_v2'] },
  storageAccounts: { sitedata: { blobEndpoint: 'https://sitedata.blob.local' } },
  dataStores: { hospital: { account: 'sitedata', container: 'data' } },
  runs: { account: 'sitedata', container: 'runs' },
  uplink: 'http://10.0.0.1:3128',
  packageIndex: 'https://packages.example/simple',
  temporal: { address: 'temporal.example:7233' },
  receiptKey: 'file:/etc/edge-train/receipt.key',
};

const lab = {
  address: 'lab.local',
  username: 'root',
  hostKeys: [`ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)} root@lab`],
  password: 'env:LAB_PASSWORD',
  cores: 4,
  memoryMiB: 8000,
};

async function read(content: string | Buffer, mode = 0o644) {
  const path = join(directory, 'site.yml');
  await rm(path, { force: true });
  await writeFile(path, content, { mode });
  return readSiteFile(path);
}

const invalid = (message: RegExp) => ({ type: 'InvalidConfiguration', class: 'policy', retryable: false, message });

describe('site.yml', () => {
  it('is read with its digest; a BOM is fine', async () => {
    const text = `\ufeff${stringify(right)}`;
    const { site, digest } = await read(text);
    assert.equal(site.virtualMachines.idleMinutes, 30);
    assert.equal(site.release.pickle, 'approve');
    assert.equal(digest, sha256(text));
  });

  it('has existing hosts by name, none by itself', async () => {
    assert.deepEqual((await read(stringify(right))).site.hosts, {});
    const { site } = await read(stringify({ ...right, hosts: { lab } }));
    assert.deepEqual(site.hosts, { lab: { ...lab, port: 22 } });
  });

  const wrong: [string, string | Buffer, RegExp][] = [
    ['empty', '', /site\.yml: /],
    ['two documents', `${stringify(right)}---\n${stringify(right)}`, /multiple docs/],
    ['a key twice', `${stringify(right)}name: other\n`, /line \d+: duplicate key/],
    ['an unknown key', stringify({ ...right, uplnk: 'x' }), /uplnk: unknown key; did you mean uplink\?/],
    [
      'a password in place of its reference',
      stringify({ ...right, receiptKey: 'hunter2' }),
      /receiptKey: a secret is given by reference/,
    ],
    ['bytes that are no UTF-8', Buffer.from(stringify(right), 'utf16le'), /not UTF-8/],
    ['tabs', 'name:\n\tx: 1\n', /line 2/],
    [
      'an alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((each, i) => `${each}: &${each} [${Array(10).fill(`*${'abcdefgh'[i]}`).join(',')}]`).join('\n')}\n`,
      /aliases expand/,
    ],
    ['a code tag', 'name: !!js/function "x"\n', /tag resolve failed/],
    ['__proto__', `${stringify(right)}__proto__: {x: 1}\n`, /__proto__/],
    [
      'a store of an account that is not there',
      stringify({ ...right, dataStores: { a: { account: 'nowhere', container: 'x' } } }),
      /dataStores\.a\.account: storageAccounts has no nowhere; it has sitedata/,
    ],
    [
      'an asset of a store that is not there',
      stringify({ ...right, dataAssets: { a: { store: 'nowhere', path: 'x' } } }),
      /dataAssets\.a\.store/,
    ],
    [
      'a host key of another kind',
      stringify({ ...right, hosts: { lab: { ...lab, hostKeys: ['ecdsa-sha2-nistp256 AAAAE2VjZHNh'] } } }),
      /hosts\.lab\.hostKeys\[0\]: a host key is the line of .*ssh_host_ed25519_key\.pub/,
    ],
    [
      'a host without a way to log in',
      stringify({ ...right, hosts: { lab: { ...lab, password: undefined } } }),
      /hosts\.lab\.privateKey: is required \(give either privateKey or password, each by reference\)/,
    ],
    [
      'a host with a plain password',
      stringify({ ...right, hosts: { lab: { ...lab, password: 'hunter2' } } }),
      /hosts\.lab\.password: a secret is given by reference/,
    ],
    [
      'a host that has the name of a VM',
      stringify({ ...right, hosts: { 'demo-ds1-v2': lab } }),
      /hosts\.demo-ds1-v2: is the name of a VM of this site/,
    ],
    [
      'a host under two names',
      stringify({ ...right, hosts: { lab, other: { ...lab, address: 'LAB.local' } } }),
      /hosts\.other: is lab\.local port 22, as is hosts\.lab/,
    ],
    [
      'a registry by its address',
      stringify({ ...right, registries: [{ host: 'https://r.example' }] }),
      /registries\[0\]\.host: a registry is HOST/,
    ],
    [
      'a registry with a plain password',
      stringify({ ...right, registries: [{ host: 'r.example', username: 'u', password: 'hunter2' }] }),
      /registries\[0\]\.password: a secret is given by reference/,
    ],
    [
      'a registry twice, and with a password of nobody',
      stringify({ ...right, registries: [{ host: 'r.example' }, { host: 'r.example', password: 'file:/p' }] }),
      /registries\.1: names r\.example a second time\n.*registries\.1: username and password stand together/,
    ],
    ['too large', 'x'.repeat(2 ** 20 + 1), /larger than/],
  ];
  for (const [name, content, message] of wrong) {
    it(`is refused: ${name}`, async () => {
      await assert.rejects(read(content), (error: Error & { type: string }) => {
        assert.equal(error.type, 'InvalidConfiguration');
        assert.match(error.message, message);
        return true;
      });
    });
  }

  it('never quotes a line, which may hold a password', async () => {
    await assert.rejects(read('password: "hunter2\nname: x\n'), (error: Error) => !error.message.includes('hunter2'));
  });

  it('is refused when it is absent or a folder', async () => {
    await assert.rejects(readSiteFile(join(directory, 'nowhere.yml')), invalid(/ENOENT/));
    await assert.rejects(readSiteFile(directory), invalid(/not a regular file/));
  });

  it('names certificates that are some', async () => {
    const path = join(directory, 'ca.pem');
    await writeFile(path, 'no certificate');
    await assert.rejects(readPem(path), invalid(/no PEM certificate/));
  });
});
