import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { until } from '../support/until.ts';
import { root } from './scratch.ts';

const mark = `edge-train-setup-${process.pid}`;
const capabilities = ['SYS_ADMIN', 'NET_ADMIN', 'SYS_PTRACE'].flatMap((name) => ['--cap-add', name]);
const asVm = [
  ...[...capabilities, '--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined'],
  ...['--tmpfs', '/run', '--tmpfs', '/run/lock', '--volume', '/sys/fs/cgroup:/sys/fs/cgroup:rw', '--network', 'none'],
];
const containers: string[] = [];

const docker = (...args: string[]): string => execFileSync('docker', args, { encoding: 'utf8' }).trim();

function inside(container: string, ...command: string[]): string {
  return docker('exec', container, ...command);
}

function bootVm(name: string): string {
  containers.push(docker('run', '--detach', '--name', `${mark}-${name}`, ...asVm, `${mark}-vm`, '/sbin/init'));
  return `${mark}-${name}`;
}

/** `systemctl is-system-running` answers with a non-zero exit code while it does not run. */
function state(container: string): string {
  return inside(container, 'sh', '-c', 'systemctl is-system-running 2>&1 || true');
}

before(() => {
  for (const image of ['vm', 'serving'])
    docker('import', path.join(root, `.tools/images/${image}.tar`), `${mark}-${image}`);
});

after(() => {
  if (containers.length > 0) docker('rm', '--force', '--volumes', ...containers);
  docker('rmi', `${mark}-vm`, `${mark}-serving`);
});

test('the VM boots to running, with sshd that takes keys only', async () => {
  const vm = bootVm('one');
  await until('the VM to boot', () => /^(running|degraded)$/.test(state(vm)), 60);
  assert.equal(state(vm), 'running', inside(vm, 'systemctl', '--failed', '--no-pager'));
  assert.equal(inside(vm, 'systemctl', 'is-active', 'ssh.service'), 'active');
  const settings = inside(vm, '/usr/sbin/sshd', '-T').split('\n');
  for (const line of ['passwordauthentication no', 'kbdinteractiveauthentication no'])
    assert.ok(settings.includes(line), line);
});

test('no two VMs share a host key or a machine id, and a restart keeps both', async () => {
  const identity = (vm: string): string => inside(vm, 'cat', '/etc/machine-id', '/etc/ssh/ssh_host_ed25519_key.pub');
  const other = bootVm('two');
  await until('the other VM to boot', () => state(other) === 'running', 60);
  const first = identity(`${mark}-one`);
  assert.match(first, /^[0-9a-f]{32}\nssh-ed25519 /);
  assert.notEqual(first.split('\n')[0], identity(other).split('\n')[0]);
  assert.notEqual(first.split('\n')[1], identity(other).split('\n')[1]);
  docker('restart', `${mark}-one`);
  await until('the VM to boot again', () => state(`${mark}-one`) === 'running', 60);
  assert.equal(identity(`${mark}-one`), first);
});

test('the VM has what an edge worker needs: Python with venv, sudo, curl, OpenMP', () => {
  const vm = `${mark}-one`;
  inside(vm, 'python3', '-m', 'venv', '/tmp/v');
  inside(vm, 'sudo', '--version');
  inside(vm, 'curl', '--version');
  inside(vm, 'python3', '-c', "import ctypes; ctypes.CDLL('libgomp.so.1')");
  const version = Number(/^systemd (\d+)/.exec(inside(vm, 'systemctl', '--version'))?.[1]);
  assert.ok(version >= 245, `systemd ${version}`);
});

test('the serving base runs Python 3.11 from a plain folder of packages, as its own user, on a read-only root', () => {
  const script = "import ctypes, ssl, sys, thing; ctypes.CDLL('libgomp.so.1'); print(sys.version_info[:2], thing.name)";
  const output = docker(
    ...['run', '--rm', '--user', '65532:65532', '--network', 'none', '--read-only', '--tmpfs', '/tmp'],
    ...[
      `${mark}-serving`,
      'sh',
      '-c',
      `echo 'name = "found"' > /tmp/thing.py; PYTHONPATH=/tmp python3 -c "$0"; id -un`,
      script,
    ],
  );
  assert.equal(output, '(3, 11) found\nserving');
});
