import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import {
  BlobServiceClient,
  newPipeline,
  StorageSharedKeyCredential,
  type StoragePipelineOptions,
} from '@azure/storage-blob';
import { chainName } from '../../sandbox/firewall.ts';
import type { MachinesConfig } from '../../sandbox/machines/config.ts';
import { createMachines } from '../../sandbox/machines/machines.ts';
import { bridgeName, networkName } from '../../sandbox/network.ts';
import { readState, stateId, type SandboxState } from '../../sandbox/state.ts';
import { identify, isAlive, sandboxProcesses } from '../../sandbox/supervisor/processes.ts';
import { waitUntil } from '../../sandbox/wait-until.ts';
import { run, startSandbox, type TestSandbox } from '../support/sandbox.ts';

const exec = promisify(execFile);
const programs = ['azurite', 'docker-registry', 'server', 'temporal', 'uplink'];
const seeded = mkdtempSync(join(tmpdir(), 'edge-train-seed-'));
let sandbox: TestSandbox;

before(async () => {
  writeFileSync(join(seeded, 'rows.csv'), 'a,b\n1,2\n');
  sandbox = await startSandbox('--seed', `patients=${seeded}`, '--allow', 'index.example:443');
});

after(async () => {
  rmSync(seeded, { recursive: true });
  await sandbox?.close();
});

test('start tells all endpoints, status tells what runs, and secrets are in files of their own', async () => {
  const status = await sandbox.status();
  assert.equal(status.state, 'running');
  assert.deepEqual(Object.keys(status.programs).sort(), programs);
  assert.deepEqual(status.info, sandbox.info);
  const { info } = sandbox;
  for (const file of [info.stackHub.clientSecretFile, info.azure.clientSecretFile, info.release.accountKeyFile]) {
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.ok(!JSON.stringify(info).includes(readFileSync(file, 'utf8')));
  }
  for (const { pid } of sandboxProcesses(sandbox.directory)) {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    for (const secret of secrets()) assert.ok(!command.includes(secret), 'no secret in argv');
  }
});

test('what listens, listens on loopback or on the site’s bridge only', async () => {
  const { stdout } = await exec('ss', ['-ltnpH']);
  const pids = new Set(sandboxProcesses(sandbox.directory).map(({ pid }) => pid));
  const ours = stdout.split('\n').filter((line) => pids.has(Number(/pid=(\d+)/.exec(line)?.[1])));
  const addresses = ours.map((line) => line.split(/\s+/)[3]?.replace(/:\d+$/, '') ?? '');
  const gateway = new URL(sandbox.info.uplink.address).hostname;
  assert.ok(addresses.length >= 10, `${addresses.length} listeners seen`);
  assert.deepEqual([...new Set(addresses)].sort(), ['127.0.0.1', gateway].sort());
});

test('the seed is there, and is uploaded again only when its content changed', async () => {
  const blob = siteService().getContainerClient('patients').getBlobClient('rows.csv');
  const { etag } = await blob.getProperties();
  assert.equal((await blob.downloadToBuffer()).toString(), 'a,b\n1,2\n');
  await sandbox.start('--seed', `patients=${seeded}`);
  assert.equal((await blob.getProperties()).etag, etag);
  writeFileSync(join(seeded, 'rows.csv'), 'a,b\n3,4\n');
  await sandbox.start('--seed', `patients=${seeded}`);
  assert.equal((await blob.downloadToBuffer()).toString(), 'a,b\n3,4\n');
});

test('start again, twice at once, changes nothing that runs and adds to the allow-list', async () => {
  const before = sandboxProcesses(sandbox.directory);
  const answers = await Promise.all([
    sandbox.start('--allow', 'one.example:1'),
    sandbox.start('--allow', 'two.example:2'),
  ]);
  assert.deepEqual(answers, [sandbox.info, sandbox.info]);
  assert.deepEqual(sandboxProcesses(sandbox.directory), before);
  const uplink = (await (await fetch(`${sandbox.info.uplink.control}/uplink`)).json()) as { allow: string[] };
  for (const target of ['index.example:443', 'one.example:1', 'two.example:2', sandbox.info.temporal.address]) {
    assert.ok(uplink.allow.includes(target), target);
  }
});

for (const name of programs) {
  test(`kill -9 of ${name}: it is started again, at the same place`, async () => {
    const victim = sandboxProcesses(sandbox.directory).find(({ role }) => role === name);
    assert.ok(victim);
    process.kill(victim.pid, 'SIGKILL');
    await waitUntil(`another ${name}`, 30_000, () =>
      sandboxProcesses(sandbox.directory).some(({ role, pid }) => role === name && pid !== victim.pid),
    );
    assert.deepEqual(await sandbox.start(), sandbox.info); // returns when all of it answers
    const status = await sandbox.status();
    assert.equal(status.state, 'running');
    assert.equal(status.programs[name]?.restarts, 1);
    assert.equal(status.programs[name]?.lastExit, 'SIGKILL');
  });
}

test('what blob storage has answered is kept, however soon it is killed', async () => {
  const blob = siteService().getContainerClient('patients').getBlockBlobClient('kept.csv');
  for (let round = 0; round < 3; round += 1) {
    await blob.upload(`round ${round}`, 7);
    const victim = sandboxProcesses(sandbox.directory).find(({ role }) => role === 'azurite');
    assert.ok(victim);
    process.kill(victim.pid, 'SIGKILL');
    await waitUntil('its end', 10_000, () => !isAlive(victim));
    await sandbox.start();
    assert.equal((await blob.downloadToBuffer()).toString(), `round ${round}`);
  }
});

test('kill -9 of the supervisor: its programs end with it; start heals, with the same endpoints and data', async () => {
  const before = sandboxProcesses(sandbox.directory);
  process.kill(before.find(({ role }) => role === 'supervisor')!.pid, 'SIGKILL');
  await waitUntil('the end of its programs', 30_000, () => !before.some(isAlive));
  assert.equal((await sandbox.status()).state, 'stopped');
  assert.deepEqual(await sandbox.start(), sandbox.info);
  assert.deepEqual(roles(), [...programs, 'supervisor'].sort());
  assert.equal(
    (await siteService().getContainerClient('patients').getBlobClient('rows.csv').downloadToBuffer()).toString(),
    'a,b\n3,4\n',
  );
});

test('a start that is killed in the middle leaves the next one able to work', async () => {
  await sandbox.stop();
  for (const line of ['network', 'docker-registry answers']) {
    const child = spawn(process.execPath, [
      join(import.meta.dirname, '../../sandbox/main.ts'),
      'start',
      '--state',
      sandbox.directory,
    ]);
    for await (const chunk of child.stderr) if (String(chunk).includes(line)) break;
    child.kill('SIGKILL');
  }
  assert.deepEqual(await sandbox.start(), sandbox.info);
});

test('stop leaves nothing running, listening, mounted or ruled; start brings the same back', async () => {
  const machines = createMachines(machinesConfig());
  await machines.boot({
    ...{ name: 'vm', memoryMiB: 1024, cores: 1, hostName: 'vm', adminUsername: 'azureuser' },
    ...{ sshPublicKeys: [], disablePassword: true },
  });
  assert.match(await rules(), new RegExp(chainName(bridge())));
  const before = sandboxProcesses(sandbox.directory);
  await sandbox.stop();
  assert.ok(!before.some(({ pid, startTime }) => identify(pid)?.startTime === startTime));
  assert.deepEqual(sandboxProcesses(sandbox.directory), []);
  assert.equal(await docker('ps', '--quiet'), '');
  assert.ok(!readFileSync('/proc/mounts', 'utf8').includes(sandbox.directory));
  assert.doesNotMatch(await rules(), new RegExp(chainName(bridge())));
  await sandbox.stop(); // once more is fine
  assert.deepEqual(await sandbox.start(), sandbox.info);
  assert.equal((await machines.describe('vm')).power, 'running');
});

test('a network that is gone is made again as it was, and its machines are in it', async () => {
  await sandbox.stop();
  await exec('docker', ['network', 'rm', networkName(stateId(sandbox.directory))]);
  assert.deepEqual(await sandbox.start(), sandbox.info);
  const { power, privateAddress } = await createMachines(machinesConfig()).describe('vm');
  assert.equal(power, 'running');
  const { stdout } = await exec('docker', ['exec', `edge-train-${stateId(sandbox.directory)}-vm`, 'hostname', '-I']);
  assert.equal(stdout.trim(), privateAddress);
});

test('a port that a stranger took meanwhile is told, not replaced', async () => {
  await sandbox.stop();
  const { temporal } = readState(sandbox.directory)!.ports;
  const stranger = createServer();
  await new Promise<void>((resolve) => stranger.listen(temporal, '127.0.0.1', resolve));
  try {
    await assert.rejects(sandbox.start(), new RegExp(`port ${temporal} on 127.0.0.1.*temporal.*taken`, 's'));
  } finally {
    await new Promise((resolve) => stranger.close(resolve));
  }
  assert.deepEqual(await sandbox.start(), sandbox.info);
});

test('what is not understood is refused with exit code 2 and the usage', async () => {
  await assert.rejects(run('begin', sandbox.directory, []), /exit code 2:\n.*usage:/s);
  await assert.rejects(run('start', sandbox.directory, ['--sed', 'x=y']), /exit code 2:\n.*--sed/s);
  await assert.rejects(run('start', sandbox.directory, ['--seed', 'x=/nowhere']), /--seed x=/);
  await assert.rejects(run('start', sandbox.directory, ['--allow', 'https://host']), /is not HOST:PORT/);
});

test('reset leaves nothing at all', async () => {
  await run('reset', sandbox.directory, ['--keep-images']);
  assert.deepEqual(sandboxProcesses(sandbox.directory), []);
  assert.equal(await docker('ps', '--all', '--quiet'), '');
  assert.equal(await docker('network', 'ls', '--quiet'), '');
  assert.equal(await docker('image', 'ls', '--quiet'), '');
  assert.doesNotMatch(await rules(), new RegExp(bridge()));
  assert.ok(!existsSync(sandbox.directory));
});

function roles(): string[] {
  return sandboxProcesses(sandbox.directory)
    .map(({ role }) => role)
    .sort();
}

function bridge(): string {
  return bridgeName(stateId(sandbox.directory));
}

function machinesConfig(): MachinesConfig {
  const file = join(sandbox.directory, 'server.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { machines: MachinesConfig }).machines;
}

/** Of IPv4 and IPv6. */
async function rules(): Promise<string> {
  return (await exec('iptables', ['-S'])).stdout + (await exec('ip6tables', ['-S'])).stdout;
}

async function docker(...args: string[]): Promise<string> {
  return (await exec('docker', [...args, '--filter', `label=edge-train.state=${sandbox.directory}`])).stdout.trim();
}

function secrets(): string[] {
  const { accounts, stackHub, azure } = readState(sandbox.directory) as SandboxState;
  return [accounts.site.key, accounts.release.key, stackHub.clientSecret, azure.clientSecret];
}

function siteService(): BlobServiceClient {
  const { accounts, ports } = readState(sandbox.directory)!;
  const credential = new StorageSharedKeyCredential(accounts.site.name, accounts.site.key);
  const options: StoragePipelineOptions & { tlsOptions: { ca: string } } = {
    tlsOptions: { ca: readFileSync(sandbox.info.caFile, 'utf8') },
  };
  const url = `https://127.0.0.1:${ports.azurite}/${accounts.site.name}`;
  return new BlobServiceClient(url, newPipeline(credential, options));
}
