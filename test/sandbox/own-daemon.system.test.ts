import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { SandboxInfo } from '../../sandbox/info.ts';
import { identify } from '../../sandbox/supervisor/processes.ts';
import { waitUntil } from '../../sandbox/wait-until.ts';

const exec = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'edge-train-daemon-')));
const tools = join(folder, 'tools');
const state = join(folder, 'state');

/**
 * A machine without a Docker daemon is made with namespaces: in them this machine's socket is covered, and the network is
 * an empty one, so that two daemons do not meet. The pipe's end ends the namespaces' holder when this process dies.
 */
const holder = spawn(
  'unshare',
  ['--mount', '--net', 'sh', '-c', 'ip link set lo up; mount -t tmpfs none /run; echo ready; cat'],
  {
    stdio: ['pipe', 'pipe', 'inherit'],
  },
);

before(async () => {
  mkdirSync(tools);
  for (const name of ['temporal', 'images']) symlinkSync(join(root, '.tools', name), join(tools, name));
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once('data', () => resolve());
    holder.once('exit', () => reject(new Error('namespaces cannot be made; the tests of the sandbox run as root')));
  });
});

after(async () => {
  await sandbox('reset');
  holder.stdin.end();
  rmSync(folder, { recursive: true, force: true });
});

test('where no Docker daemon runs, start brings one up of its own, and says where it is', async () => {
  const info = await start();
  assert.equal(info.docker.host, `unix://${join(tools, 'docker', 'docker.sock')}`);
  assert.equal((await docker(info, 'network', 'ls', '--format', '{{.Name}}')).includes(info.network), true);
});

test('stop ends it: no process, no mount, nothing ruled for the site; start brings all back on the same endpoints', async () => {
  const first = await start();
  const pid = Number(readFileSync(join(tools, 'docker', 'dockerd.pid'), 'utf8'));
  await sandbox('stop');
  assert.equal(identify(pid), undefined);
  assert.ok(!(await within('cat', '/proc/mounts')).includes(folder));
  assert.doesNotMatch(await within('iptables', '-S'), /EDGE-TRAIN/);
  assert.deepEqual(await commandLines(), []);
  assert.deepEqual(await start(), first);
});

test('kill -9 of it: the next start heals, with the same endpoints', async () => {
  const first = await start();
  const pid = Number(readFileSync(join(tools, 'docker', 'dockerd.pid'), 'utf8'));
  process.kill(pid, 'SIGKILL');
  await waitUntil('its end', 10_000, () => identify(pid) === undefined);
  assert.deepEqual(await start(), first);
});

test('another sandbox of the clone shares it; it ends with the last', async () => {
  const first = await start();
  const other = join(folder, 'other');
  await sandbox('start', other);
  await sandbox('reset', other);
  assert.ok((await docker(first, 'network', 'ls', '--format', '{{.Name}}')).includes(first.network), 'still answers');
});

test('a reset after a stop removes what lies in the daemon that is down', async () => {
  const { network } = await start();
  await sandbox('stop');
  await sandbox('reset');
  const other = join(folder, 'other');
  const info = JSON.parse(await sandbox('start', other)) as SandboxInfo;
  const left = await docker(info, 'network', 'ls', '--format', '{{.Name}}');
  await sandbox('reset', other);
  assert.ok(left.includes(info.network), left);
  assert.ok(!left.includes(network), left);
});

test('DOCKER_HOST without a daemon behind it is an error, not a reason to start another', async () => {
  const env = { ...process.env, DOCKER_HOST: `unix://${join(folder, 'nobody.sock')}` };
  const args = [join(root, 'sandbox', 'main.ts'), 'start', '--state', join(folder, 'third'), '--tools', tools];
  await assert.rejects(
    exec(process.execPath, args, { env }),
    /DOCKER_HOST is unix:.*nobody\.sock, and no Docker daemon answers there/s,
  );
});

async function start(): Promise<SandboxInfo> {
  return JSON.parse(await sandbox('start')) as SandboxInfo;
}

function sandbox(verb: string, directory = state): Promise<string> {
  return within(process.execPath, join(root, 'sandbox', 'main.ts'), verb, '--state', directory, '--tools', tools);
}

function docker(info: SandboxInfo, ...args: string[]): Promise<string> {
  return within('docker', '--host', info.docker.host ?? '', ...args);
}

async function within(...command: string[]): Promise<string> {
  const env: NodeJS.ProcessEnv = { ...process.env, DOCKER_HOST: undefined };
  return (await exec('nsenter', ['-t', String(holder.pid), '--mount', '--net', '--wd=/', '--', ...command], { env }))
    .stdout;
}

/** Of all processes that name our folder. */
async function commandLines(): Promise<string[]> {
  const { stdout } = await exec('ps', ['-eo', 'pid,args', '--no-headers']);
  return stdout.split('\n').filter((line) => line.includes(folder) && !line.includes('ps -eo'));
}
