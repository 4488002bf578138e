import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { decodeJwt } from 'jose';
import { createSiteActivities } from '../../activities/site/index.ts';
import { MachineConfig } from '../../domain/machine-config.ts';
import { TrainModelInput } from '../../domain/train-model-input.ts';
import type { MachinePlan } from '../../domain/training-plan.ts';
import type { InstalledMachine } from '../../domain/virtual-machine.ts';
import { readText, replaceText } from '../../services/blob-storage.ts';
import type { ServiceError } from '../../services/errors.ts';
import { generateSigningKey, openSeal } from '../../services/signing.ts';
import { buildBundle, type Bundle } from '../../workers/vm/bundle.ts';
import { installCommand } from '../../workers/vm/install-command.ts';
import { installCredentialCommand } from '../../workers/vm/install-credential-command.ts';
import { validInput } from '../domain/valid-input.ts';
import { bootHost, type TestHost } from '../vm/vm.ts';
import { startSite, type TestSite } from './site.ts';

const PASSWORD = 'a password that sudo asks for, too';
const PART = join(import.meta.dirname, '../../.tools/bundles');

let site: TestSite;
let host: TestHost;
let bundle: Bundle;
let activities: ReturnType<typeof createSiteActivities>;
let hostKey: string;

before(
  async () => {
    const [started, built, booted] = await Promise.all([
      startSite(),
      buildBundle({ outDir: PART }),
      bootHost({ password: PASSWORD }),
    ]);
    [site, bundle, host] = [started, built, booted];
    const key = join(site.directory, 'host-login');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const authorized = readFileSync(`${key}.pub`, 'utf8').trim();
    await host.sh(`mkdir -p -m 0700 /root/.ssh && echo '${authorized}' >/root/.ssh/authorized_keys`);
    await host.sh(`useradd -m limited && cp -r /root/.ssh /home/limited/ && chown -R limited: /home/limited/.ssh`);
    hostKey = (await host.sh('cat /etc/ssh/ssh_host_ed25519_key.pub')).trim();
    writeFileSync(join(site.directory, 'host-password'), `${PASSWORD}\n`, { mode: 0o600 });
    writeFileSync(join(site.directory, 'signing-key'), generateSigningKey().privateKey, { mode: 0o600 });
    activities = createSiteActivities({
      ...site.dependencies,
      now: () => new Date(Date.now() + later),
      bundle: {
        ...{ digest: bundle.digest, path: bundle.path },
        ...{ install: installCommand, installCredential: installCredentialCommand },
      },
    });
  },
  { timeout: 300_000 },
);
after(async () => {
  await host?.remove();
  await site?.[Symbol.asyncDispose]();
});
beforeEach(() => configure());

const withKey = () => ({ privateKey: `file:${join(site.directory, 'host-login')}` });
const configure = (change: Record<string, unknown> = {}, rest: Record<string, unknown> = {}) => {
  const { username = 'root', ...others } = change;
  const login = 'password' in change ? {} : withKey();
  const lab = { address: host.address, username, hostKeys: [hostKey], cores: 1, memoryMiB: 1024, ...login, ...others };
  return site.configure({ hosts: { lab }, ...rest });
};
const plan = (name = 'lab'): MachinePlan => ({
  ...{ site: 'demo', name, host: true, size: { name: 'host', cores: 1, memoryMiB: 1024 } },
  ...{ after: 'keep', onLoss: 'fail', attach: 'never', idleSeconds: 60, computeTarget: name },
});
/** A policy of its own, and each machine its own Temporal credential. */
const guarded = () => {
  const jwt = { signingKey: `file:${join(site.directory, 'signing-key')}`, keyId: 'one' };
  return { release: { pickle: 'allow' }, temporal: { address: 'temporal.example:7233', namespace: 'demo', jwt } };
};
/** How much later it is for the site worker, in ms. */
let later = 0;
const adopt = (): Promise<InstalledMachine> => activities.adoptHost(plan());

const unit = () => `edge-train-worker@${bundle.digest.slice(0, 12)}.service`;
/** At once: an orderly stop waits for a Temporal server that this test has not. */
const stopWorker = () => host.sh(`systemctl kill --signal=KILL ${unit()}; systemctl stop ${unit()}`);

async function refusal(attempt: () => Promise<unknown>): Promise<ServiceError> {
  const error: unknown = await attempt().then(
    () => assert.fail('it was not refused'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Error && error.name === 'ServiceError', String(error));
  return error as ServiceError;
}

/** All that a second adoption could change: files with their times, processes of ours, accounts. */
const footprint = () =>
  host.sh(
    [
      'find /etc/edge-train /opt/edge-train /etc/systemd/system -printf "%p %T@ %s %u %m\\n" | sort',
      'systemctl show -p MainPID "edge-train-worker@*"; cat /etc/passwd; ls -A /var/tmp /tmp',
    ].join('; '),
  );

/** A line to the host that counts what goes there. */
async function line(): Promise<{ port: number; sent: () => Buffer[]; cutAfter(bytes: number): void; close(): void }> {
  const sent: Buffer[] = [];
  const sockets = new Set<Socket>();
  let limit = Infinity;
  const server = createServer((client) => {
    const upstream = connect({ host: host.address, port: 22 });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => [client, upstream].forEach((each) => each.destroy()));
    }
    let passed = 0;
    client.on('data', (chunk: Buffer) => {
      sent.push(chunk);
      passed += chunk.length;
      if (passed > limit) client.destroy();
    });
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sent: () => sent,
    cutAfter: (bytes) => void (limit = bytes),
    close: () => {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}

describe('before a host is adopted', () => {
  it('another host key stops it: not retried, nothing sent, and it says what to do', async () => {
    const other = join(site.directory, 'another-host-key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other]);
    const through = await line();
    await configure({
      ...{ address: '127.0.0.1', port: through.port, username: 'edgeadmin' },
      ...{ hostKeys: [readFileSync(`${other}.pub`, 'utf8').trim()] },
      password: `file:${join(site.directory, 'host-password')}`,
    });
    const fingerprintOf = (text: string) =>
      `SHA256:${createHash('sha256')
        .update(Buffer.from(text.split(' ')[1] ?? '', 'base64'))
        .digest('base64')
        .replace(/=+$/, '')}`;
    for (const attempt of [adopt, () => activities.inspectVirtualMachine('lab')]) {
      const error = await refusal(attempt);
      assert.deepEqual([error.type, error.class, error.retryable], ['HostKeyChanged', 'policy', false]);
      assert.ok(error.message.includes(fingerprintOf(hostKey)), error.message);
      assert.match(error.nextStep, /ssh-keygen -lf \/etc\/ssh\/ssh_host_ed25519_key\.pub/);
      assert.match(error.nextStep, /hosts\.lab\.hostKeys of site\.yml/);
    }
    // The hellos of two handshakes; a login would come after, and a bundle is 60 MB.
    const bytes = through.sent().reduce((sum, { length }) => sum + length, 0);
    assert.ok(bytes > 0 && bytes < 2500, `${bytes} bytes were sent`);
    assert.equal((await host.exec(['test', '-e', '/opt/edge-train'])).code, 1);
    assert.doesNotMatch(await host.sh('journalctl -u ssh'), /password for edgeadmin/);
    through.close();
  });

  it('an account that is not let in, a wrong password and a passphrase are told apart from a dead line', async () => {
    await configure({ username: 'nobody-here' });
    const unknown = await refusal(adopt);
    assert.deepEqual([unknown.type, unknown.retryable], ['LoginRefused', false]);
    assert.match(unknown.message, /host lab does not let nobody-here in/);
    writeFileSync(join(site.directory, 'wrong-password'), 'a wrong password', { mode: 0o600 });
    await configure({ username: 'edgeadmin', password: `file:${join(site.directory, 'wrong-password')}` });
    const wrong = await refusal(adopt);
    assert.equal(wrong.type, 'LoginRefused');
    assert.doesNotMatch(wrong.message + wrong.nextStep, /a wrong password/);
    const locked = join(site.directory, 'locked');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'a passphrase', '-f', locked]);
    await configure({ privateKey: `file:${locked}` });
    assert.deepEqual((await refusal(adopt)).type, 'CredentialRefused');
    await configure({ port: 9 });
    const dead = await refusal(adopt);
    assert.deepEqual([dead.type, dead.class, dead.retryable], ['Unreachable', 'network', true]);
    assert.equal(await activities.inspectVirtualMachine('lab'), 'unreachable');
  });

  it('everything that a host lacks is named at once, and nothing is changed on it', async () => {
    await host.sh(
      'mkdir /root/bin && printf "#!/bin/sh\\nexit 127\\n" >/root/bin/python3 && chmod 755 /root/bin/python3',
    );
    await host.sh('cp /root/bin/python3 /usr/local/bin/python3');
    await configure({ username: 'limited', cores: 500, memoryMiB: 10_000_000 });
    const error = await refusal(adopt);
    await host.sh('rm -r /root/bin /usr/local/bin/python3');
    assert.deepEqual([error.type, error.class, error.retryable], ['HostUnfit', 'host', false]);
    assert.match(error.message, /Python 3\.7 or later as python3 \(it has none\)/);
    assert.match(error.message, /500 cores, as site\.yml says \(it has \d+\)/);
    assert.match(error.message, /10000000 MiB of memory, as site\.yml says \(it has \d+\)/);
    assert.match(error.message, /root: log in as root, or let sudo make limited root without a password/);
    assert.doesNotMatch(error.message, /Linux|systemd|processor/);
    assert.equal((await host.exec(['test', '-e', '/opt/edge-train'])).code, 1);
  });

  it('a host that site.yml no longer has is not dialled', async () => {
    await site.configure();
    const error = await refusal(adopt);
    assert.deepEqual([error.type, error.class, error.retryable], ['HostWithdrawn', 'policy', false]);
  });
});

describe('a host that is adopted', () => {
  let first: InstalledMachine;

  it('survives a line that is cut in the middle of the bundle', async () => {
    const through = await line();
    through.cutAfter(5 * 2 ** 20);
    await configure({ address: '127.0.0.1', port: through.port });
    const error = await refusal(adopt);
    through.close();
    assert.deepEqual([error.type, error.retryable], ['Unreachable', true]);
    assert.doesNotMatch(await host.sh('ls /opt/edge-train/incoming'), /gz$/m);
  });

  it('carries the worker, by an account whose sudo asks for the password, which is in no process list', async () => {
    await configure({ username: 'edgeadmin', password: `file:${join(site.directory, 'host-password')}` });
    const watch = `while [ ! -e /run/seen ]; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' >>/run/argv; sleep 0.05; done`;
    const watching = host.sh(watch);
    first = await adopt();
    await host.sh('touch /run/seen');
    await watching;
    const argv = await host.sh('cat /run/argv; rm /run/argv /run/seen');
    assert.match(argv, /install\.py/, 'the watch has seen the installer');
    for (const [what, secret] of Object.entries({ ...site.secrets, 'the password': PASSWORD }))
      assert.ok(!argv.includes(secret), `${what} is in a process list`);
    assert.deepEqual(
      [first.name, first.created, first.bundle, first.queue, first.resourceId],
      ['lab', false, bundle.digest, `edge-lab-${bundle.digest.slice(0, 12)}`, 'hosts/lab'],
    );
    assert.equal((await host.sh(`systemctl is-enabled ${unit()}`)).trim(), 'enabled');
    const config = JSON.parse(await host.sh('cat /etc/edge-train/machine.json')) as Record<string, unknown>;
    assert.deepEqual([config['machine'], config['queue'], config['attachAccount']], ['lab', first.queue, undefined]);
    const { x, y } = config['privateKey'] as { x: string; y: string };
    assert.deepEqual([x, y], [first.publicKey.x, first.publicKey.y]);
    assert.equal((await host.sh('stat -c "%U %a" /etc/edge-train/adopted.json')).trim(), 'root 600');
    assert.equal((await host.sh('ls /opt/edge-train/incoming')).trim(), 'lock');
  });

  it('is found as it is when asked again, by key as by password: nothing changes', async () => {
    const before = await footprint();
    assert.deepEqual(await adopt(), first);
    assert.deepEqual(await adopt(), first);
    assert.equal(await footprint(), before);
    assert.equal(await activities.inspectVirtualMachine('lab'), 'running');
  });

  it('has its stopped worker started, with the key that it has', async () => {
    await stopWorker();
    assert.deepEqual(await adopt(), first);
    assert.equal((await host.sh(`systemctl is-active ${unit()}`)).trim(), 'active');
  });

  it('is not taken by another name, nor a machine that has another’s worker', async () => {
    const lab = {
      address: host.address,
      username: 'root',
      hostKeys: [hostKey],
      cores: 1,
      memoryMiB: 1024,
      ...withKey(),
    };
    await site.configure({ hosts: { other: lab } });
    const error = await refusal(() => activities.adoptHost(plan('other')));
    assert.deepEqual([error.type, error.retryable], ['HostTaken', false]);
    assert.match(error.message, /it is the host lab of the site demo/);
    await host.sh('mv /etc/edge-train/adopted.json /root/');
    assert.match((await refusal(() => activities.adoptHost(plan('other')))).message, /not put there by adopting/);
    await host.sh('mv /root/adopted.json /etc/edge-train/');
  });

  it('gets a policy that changed, and a key with it, though two attempts are at work at once', async () => {
    await stopWorker();
    await configure({}, guarded());
    // As after a kill: the installer of an attempt that was given up still runs.
    const attempts = await Promise.allSettled([adopt(), adopt()]);
    for (const each of attempts)
      if (each.status === 'rejected') assert.equal((each.reason as ServiceError).type, 'InstallInterrupted');
    assert.ok(attempts.some(({ status }) => status === 'fulfilled'));
    const second = await adopt();
    const installed = JSON.parse(await host.sh('cat /etc/edge-train/machine.json')) as { privateKey: { x: string } };
    assert.equal(installed.privateKey.x, second.publicKey.x);
    assert.equal((await host.sh('ls /opt/edge-train/incoming')).trim(), 'lock');
    assert.notDeepEqual(second.publicKey, first.publicKey);
    const policy = JSON.parse(await host.sh('cat /etc/edge-train/policy.json')) as { release: { pickle: string } };
    assert.equal(policy.release.pickle, 'allow');
    first = second;
  });

  it('is granted data by the key that this site signed, and by no other’s word', async () => {
    await site.put('hospital', 'breast-cancer/wdbc.csv', 'radius\n17.99\n');
    const host = { memoryMiB: 4096, address: '192.0.2.1' }; // a grant dials nobody
    await configure(host, guarded());
    const input = TrainModelInput.parse({ ...validInput(), virtualMachine: { host: 'lab' } });
    const planned = await activities.planTraining({ input, workflowId: 'w', originalExecutionRunId: 'r' });
    assert.deepEqual(planned.virtualMachine, {
      ...{ site: 'demo', name: 'lab', host: true, size: { name: 'host', cores: 1, memoryMiB: 4096 } },
      ...{ after: 'keep', onLoss: 'restart', attach: 'never', idleSeconds: 1800, computeTarget: 'lab' },
    });
    const grant = () => activities.grantData({ plan: planned, machineKey: first.publicKey });
    assert.equal((await grant()).kind, 'site');
    const runs = site.blobs.container('runs');
    const kept = (await readText(runs, 'hosts/lab.json')) ?? '';
    await replaceText(runs, 'hosts/lab.json', kept.replace(/"payload":"./, '"payload":"Z'), 'application/json');
    assert.equal((await refusal(grant)).type, 'KeyMismatch');
    await replaceText(runs, 'hosts/lab.json', kept, 'application/json');
    await site.configure();
    assert.equal((await refusal(grant)).type, 'HostWithdrawn');
  });
});

describe('the credential of a host', () => {
  const tokenIn = async (file: string): Promise<string> => (await host.sh(`grep -o 'eyJ[^"]*' ${file}`)).trim();

  it('is its own, is renewed by a seal to it, and is put there by root when it has run out', async () => {
    await configure({}, guarded());
    const found = await adopt();
    const config = MachineConfig.parse(JSON.parse(await host.sh('cat /etc/edge-train/machine.json')));
    assert.equal(decodeJwt(config.temporal.credential?.token ?? '').sub, 'lab');
    assert.equal(found.credentialExpires, config.temporal.credential?.expires);
    const request = { machine: 'lab', machineKey: found.publicKey };
    const { jwe } = await activities.grantCredential(request);
    assert.equal(decodeJwt(((await openSeal(jwe, config.privateKey)) as { token: string }).token).sub, 'lab');

    later = 20 * 3_600_000;
    const again = await adopt();
    assert.deepEqual({ ...again, credentialExpires: '' }, { ...found, credentialExpires: '' });
    const exp = decodeJwt(await tokenIn('/etc/edge-train/credential.json')).exp ?? 0;
    assert.equal(exp, Math.floor(Date.parse(again.credentialExpires ?? '') / 1000));
    assert.equal((await host.sh('stat -c "%U %a" /etc/edge-train/credential.json')).trim(), 'edge-train 600');

    later = 60 * 3_600_000;
    const { expires } = await activities.installCredential('lab');
    assert.ok(Date.parse(expires) > Date.parse(again.credentialExpires ?? ''));
    assert.deepEqual(await adopt(), { ...again, credentialExpires: expires });
    later = 0;
    await site.configure();
    assert.equal((await refusal(() => activities.grantCredential(request))).type, 'KeyMismatch');
    assert.equal((await refusal(() => activities.installCredential('lab'))).type, 'MachineGone');
  });
});

describe('a plan for a host', () => {
  const planned = async (virtualMachine: object) =>
    activities.planTraining({
      input: TrainModelInput.parse({ ...validInput(), virtualMachine }),
      workflowId: 'w',
      originalExecutionRunId: JSON.stringify(virtualMachine),
    });
  const issue = async (virtualMachine: object) => {
    const { issues, type } = await refusal(() => planned(virtualMachine));
    assert.equal(type, 'InvalidInput');
    return issues?.map(({ path, rule }) => `${path}: ${rule}`).join('\n') ?? '';
  };

  it('is refused for one that the site lacks, that is too small, or that is asked for as a VM', async () => {
    assert.match(await issue({ host: 'nowhere' }), /^virtualMachine\.host: this site’s hosts are lab$/);
    assert.match(await issue({ host: 'lab' }), /^virtualMachine\.host: it has 1024 MiB and the job needs \d+ MiB$/);
    assert.match(
      await issue({ name: 'lab' }),
      /^virtualMachine\.name: is an existing host of this site: ask for it as/,
    );
    await site.configure();
    assert.match(await issue({ host: 'lab' }), /^virtualMachine\.host: this site has no existing hosts$/);
  });
});
