import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Client } from 'ssh2';
import { containerName, type MachinesConfig } from '../../sandbox/machines/config.ts';
import type { Machines, MachineSpec } from '../../sandbox/machines/contract.ts';
import { createMachines } from '../../sandbox/machines/machines.ts';
import { waitUntil } from '../../sandbox/wait-until.ts';
import { startSandbox, type TestSandbox } from '../support/sandbox.ts';

const run = promisify(execFile);
const password = `Pw-${randomBytes(12).toString('hex')}`;
let sandbox: TestSandbox;
let config: MachinesConfig;
let machines: Machines;
let address: string;

before(async () => {
  sandbox = await startSandbox();
  config = (JSON.parse(readFileSync(join(sandbox.directory, 'server.json'), 'utf8')) as { machines: MachinesConfig })
    .machines;
  machines = createMachines(config);
  ({ privateAddress: address } = await machines.boot(spec('vm-one', { adminPassword: password })));
});

after(() => sandbox?.close());

test('a machine is a booted Linux system of its own', async () => {
  assert.equal(await inside('vm-one', 'systemctl is-system-running'), 'running');
  assert.equal(await inside('vm-one', 'hostname'), 'vm-one');
  assert.equal(await inside('vm-one', 'cat /proc/1/comm'), 'systemd');
});

test('limits of a unit hold: its memory, and the control groups it may not leave', async () => {
  const unit = 'systemd-run --quiet --wait --pipe -p MemoryMax=40M -p MemorySwapMax=0';
  const greedy = inside('vm-one', `${unit} python3 -c 'x = bytearray(200 << 20)'`);
  await assert.rejects(greedy);
  const others = await inside('vm-one', 'cat /proc/self/cgroup');
  assert.ok(!others.includes('docker'), others);
});

test('it sees nothing of this machine: no mounts but its own, none of its processes', async () => {
  const mounts = (await inside('vm-one', 'cat /proc/mounts')).split('\n').map((line) => line.split(' '));
  const kernel = ['proc', 'devpts', 'sysfs', 'mqueue', 'cgroup', 'cgroup2', 'hugetlbfs', 'fusectl', 'bpf', 'autofs'];
  const rare = ['binfmt_misc', 'debugfs', 'tracefs', 'configfs', 'securityfs', 'pstore', 'ramfs'];
  const own = ['overlay', 'tmpfs', ...kernel, ...rare];
  const foreign = mounts.filter(([, , kind]) => !own.includes(kind ?? ''));
  const points = foreign.map(([, point]) => point).sort();
  assert.deepEqual(points, ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf']); // Docker's own files of the container
  assert.doesNotMatch(await inside('vm-one', 'ps axo args'), /sandbox\/(supervisor|server)\/main\.ts/);
});

test('two doors of the gateway are open to it: the site’s blobs, trusted, and the uplink', async () => {
  const blob = await inside(
    'vm-one',
    `curl -sS -o /dev/null -w '%{http_code}' ${sandbox.info.stackHub.blobEndpoint}/x/y`,
  );
  assert.match(blob, /^4\d\d$/, 'an answer of the blob service, by a certificate that the machine trusts');
  const temporal = `http://${sandbox.info.temporal.address}`;
  const through = `curl -sS -m 10 -p -x ${sandbox.info.uplink.address} -o /dev/null --http2-prior-knowledge -w '%{http_connect}' ${temporal}`;
  assert.equal(await inside('vm-one', `${through} || true`), '200');
});

test('nothing else is: no other port of any address of this machine, no other machine, no name service', async () => {
  const listener = createServer((_, response) => response.end('seen'));
  await new Promise<void>((resolve) => listener.listen(0, '0.0.0.0', resolve));
  const { port } = listener.address() as AddressInfo;
  const { privateAddress: neighbour } = await machines.boot(spec('vm-two'));
  const other = await inside('vm-two', `systemd-run --quiet --unit=web python3 -m http.server 8000; echo ok`);
  assert.equal(other, 'ok');
  try {
    const gateway = config.network.gateway;
    assert.equal(
      await (await fetch(`http://${gateway}:${port}/`)).text(),
      'seen',
      'it listens there, as seen from here',
    );
    await waitUntil('the neighbour’s listener', 10_000, () =>
      inside('vm-two', 'curl -sS -m 2 -o /dev/null http://127.0.0.1:8000/ && echo up'),
    );
    const closed = [`http://${gateway}:${port}/`, `http://${neighbour}:8000/`, `http://${hostAddress()}:${port}/`];
    for (const url of [
      ...closed,
      sandbox.info.admin,
      `${sandbox.info.uplink.control}/uplink`,
      sandbox.info.azure.endpoint,
    ]) {
      await assert.rejects(inside('vm-one', `curl -sS -k -m 3 -o /dev/null ${url}`), `${url} must be out of reach`);
    }
    await assert.rejects(inside('vm-one', 'getent ahosts name.example'));
  } finally {
    listener.close();
    await machines.remove('vm-two');
  }
});

test('the uplink refuses what is not on its list, and tells both in its log', async () => {
  const uplink = sandbox.info.uplink;
  const [host, port] = uplink.control.replace('http://', '').split(':');
  const refused = await inside(
    'vm-one',
    `curl -sS -p -x ${uplink.address} -w '%{http_connect}' http://${host}:${port}/ 2>/dev/null || true`,
  );
  assert.match(refused, /403/);
  const log = readFileSync(uplink.accessLog, 'utf8');
  assert.match(log, new RegExp(`${address} TCP_DENIED/403 0 CONNECT ${host}:${port} - HIER_NONE/- -`));
  assert.match(
    log,
    new RegExp(`${address} TCP_TUNNEL/200 \\d+ CONNECT ${sandbox.info.temporal.address} - HIER_DIRECT/127.0.0.1 -`),
  );
});

test('the admin signs in by password and becomes root with it; another password is refused', async () => {
  assert.equal(await ssh({ password }, `echo ${password} | sudo -S -p '' id -u`), '0');
  await assert.rejects(ssh({ password: 'wrong' }, 'true'), /authentication/i);
});

test('with keys only: the key signs in, becomes root, and passwords are not taken', async () => {
  const { privateKey, publicKey } = sshKey();
  const { privateAddress } = await machines.boot(
    spec('vm-keys', { sshPublicKeys: [publicKey], disablePassword: true }),
  );
  try {
    assert.equal(await ssh({ privateKey, host: privateAddress }, 'sudo -n id -u'), '0');
    await assert.rejects(ssh({ password, host: privateAddress }, 'true'), /authentication/i);
    const hostKeys = async (name: string) => await inside(name, 'cat /etc/ssh/ssh_host_ed25519_key.pub');
    assert.notEqual(await hostKeys('vm-keys'), await hostKeys('vm-one'), 'each machine has host keys of its own');
  } finally {
    await machines.remove('vm-keys');
  }
});

test('boot again: the same machine, no second', async () => {
  assert.deepEqual(await machines.boot(spec('VM-ONE')), { privateAddress: address });
  assert.equal((await containers()).length, 1);
});

test('stop is an orderly shutdown; start brings the same machine back at the same address', async () => {
  await inside('vm-one', 'echo kept > /var/lib/kept');
  await machines.stop('vm-one');
  assert.deepEqual(await machines.describe('vm-one'), { power: 'stopped', privateAddress: address });
  assert.deepEqual(await machines.start('vm-one'), { privateAddress: address });
  assert.equal(await inside('vm-one', 'cat /var/lib/kept'), 'kept');
  assert.equal(await inside('vm-one', 'hostname -I | tr -d " "'), address);
  assert.match(
    await inside('vm-one', 'journalctl -b -1 --no-pager -o cat || journalctl --no-pager -o cat'),
    /Reached target.*(Power-Off|Shutdown|System Shutdown)/i,
  );
});

test('an extension’s script runs as root in its folder, with its environment; its result is kept', async () => {
  const secret = randomBytes(16).toString('hex');
  const script = {
    fileUris: [],
    commandToExecute:
      'id -u; pwd; cat /proc/self/cmdline | tr "\\0" " "; echo "$SECRET" | wc -c; echo wrong >&2; exit 7',
    environment: { SECRET: secret },
  };
  const result = await machines.runExtension('vm-one', script);
  assert.equal(result.exitCode, 7);
  assert.deepEqual(result.stdout.split('\n').slice(0, 2), ['0', '/var/lib/waagent/custom-script/download/0']);
  assert.equal(result.stderr, 'wrong\n');
  assert.ok(!(await inside('vm-one', 'journalctl --no-pager')).includes(secret), 'not in the journal');
  assert.equal(await inside('vm-one', 'stat -c %a /var/lib/waagent/custom-script/settings/*.json | sort -u'), '600');
});

test('the same script asked for again, also while it runs and after the asker died, runs once', async () => {
  const script = {
    fileUris: [],
    commandToExecute: 'echo run >> /root/runs; while [ ! -e /root/go ]; do sleep 0.1; done; echo done',
  };
  const asker = `import { createMachines } from '${join(import.meta.dirname, '../../sandbox/machines/machines.ts')}';
    await createMachines(${JSON.stringify(config)}).runExtension('vm-one', ${JSON.stringify(script)});`;
  const first = execFile(process.execPath, ['--input-type=module', '-e', asker]);
  const began = () => inside('vm-one', 'cat /root/runs');
  await waitUntil('the start of the script', 20_000, async () => (await began()) === 'run');
  first.kill('SIGKILL');
  const [again, third] = [machines.runExtension('vm-one', script), machines.runExtension('vm-one', script)];
  await inside('vm-one', 'touch /root/go');
  const expected = { exitCode: 0, stdout: 'done\n', stderr: '' };
  assert.deepEqual(
    [await again, await third, await machines.runExtension('vm-one', script)],
    [expected, expected, expected],
  );
  assert.equal(await began(), 'run');
});

test('a file that cannot be downloaded fails the extension, and no credential of its address is told', async () => {
  const uri = `${sandbox.info.stackHub.blobEndpoint}/none/file.sh?sig=SECRETSIGNATURE`;
  const result = await machines.runExtension('vm-one', { fileUris: [uri], commandToExecute: 'touch /root/must-not' });
  assert.equal(result.exitCode, 53);
  assert.match(result.stderr, /download of https:.*file\.sh failed/);
  assert.ok(!JSON.stringify(result).includes('SECRETSIGNATURE'));
  await assert.rejects(inside('vm-one', 'test -e /root/must-not'));
});

test('a machine that stops in the middle of a script: the extension fails and says so, nothing runs twice', async () => {
  const script = { fileUris: [], commandToExecute: 'echo run >> /root/cut; exec sleep 1000' };
  const asked = machines.runExtension('vm-one', script).catch((error: Error) => error);
  await waitUntil('the start of the script', 20_000, async () => (await inside('vm-one', 'cat /root/cut')) === 'run');
  await machines.stop('vm-one');
  const told = await asked;
  assert.ok(told instanceof Error || told.exitCode === 255, 'the asker is told that the machine went away');
  await machines.start('vm-one');
  const result = await machines.runExtension('vm-one', script);
  assert.equal(result.exitCode, 255);
  assert.match(result.stderr, /the machine stopped/);
  assert.equal(await inside('vm-one', 'cat /root/cut'), 'run');
});

test('sandbox stop and start: machines that were on are on again, those that were off stay off, addresses are kept', async () => {
  const off = await machines.boot(spec('vm-off'));
  await machines.stop('vm-off');
  await sandbox.stop();
  assert.equal((await machines.describe('vm-one')).power, 'stopped');
  assert.deepEqual(await sandbox.start(), sandbox.info);
  assert.deepEqual(await machines.describe('vm-one'), { power: 'running', privateAddress: address });
  assert.deepEqual(await machines.describe('vm-off'), { power: 'stopped', ...off });
  await machines.remove('vm-off');
});

test('remove leaves nothing, and removing what is absent is fine', async () => {
  await machines.boot(spec('vm-gone'));
  await machines.remove('vm-gone');
  await machines.remove('vm-gone');
  assert.deepEqual(await machines.describe('vm-gone'), { power: 'absent', privateAddress: undefined });
  assert.ok(!(await containers()).some((name) => name.includes('vm-gone')));
  await assert.rejects(machines.start('vm-gone'), /there is no machine vm-gone/);
});

function spec(name: string, more: Partial<MachineSpec> = {}): MachineSpec {
  return {
    ...{ name, memoryMiB: 2048, cores: 1, hostName: name.toLowerCase(), adminUsername: 'operator' },
    ...{ sshPublicKeys: [], disablePassword: false, ...more },
  };
}

async function inside(name: string, command: string): Promise<string> {
  const { stdout } = await run('docker', ['exec', containerName(config, name), 'sh', '-c', command]);
  return stdout.trim();
}

async function containers(): Promise<string[]> {
  const filter = `label=edge-train.state=${sandbox.directory}`;
  return (await run('docker', ['ps', '-a', '--filter', filter, '--format', '{{.Names}}'])).stdout
    .split('\n')
    .filter(Boolean);
}

/** Another address of this machine than the bridge's. */
function hostAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const other = all.find(
    ({ family, internal, address: own }) => family === 'IPv4' && !internal && own !== config.network.gateway,
  );
  assert.ok(other, 'this machine has an address of its own');
  return other.address;
}

function ssh(by: { password?: string; privateKey?: string; host?: string }, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.once('error', reject);
    client.once('ready', () =>
      client.exec(command, (error, stream) => {
        if (error) return reject(error);
        let output = '';
        stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
        stream.once('close', () => (client.end(), resolve(output.trim())));
      }),
    );
    client.connect({ host: address, username: 'operator', readyTimeout: 15_000, ...by });
  });
}

/** As ssh2 takes it (PEM) and as authorized_keys does. */
function sshKey(): { privateKey: string; publicKey: string } {
  const pair = generateKeyPairSync('rsa', { modulusLength: 3072 });
  const { n, e } = pair.publicKey.export({ format: 'jwk' });
  const field = (bytes: Buffer) => {
    const framed = Buffer.concat([Buffer.alloc(4), bytes]);
    framed.writeUInt32BE(bytes.length);
    return framed;
  };
  const positive = (text: string) => Buffer.concat([Buffer.from([0]), Buffer.from(text, 'base64url')]);
  const blob = [Buffer.from('ssh-rsa'), Buffer.from(e!, 'base64url'), positive(n!)].map(field);
  return {
    privateKey: pair.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    publicKey: `ssh-rsa ${Buffer.concat(blob).toString('base64')} test`,
  };
}
