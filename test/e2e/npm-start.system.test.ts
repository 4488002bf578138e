import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify, stripVTControlCharacters } from 'node:util';
import type { SandboxInfo } from '../../sandbox/info.ts';
import type { SandboxState } from '../../sandbox/state.ts';
import { until } from '../support/until.ts';
import { auditor } from './auditor.ts';
import { listeningPorts, npmStart, startOnTerminal, processesOf } from './npm-start.ts';
import { docker, guard, ROOT, vmContainer } from './product.ts';

const exec = promisify(execFile);

/** One state folder for all: each test is one `npm start` that goes on from what the one before it left. */
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'edge-train-start-')));
const state = join(folder, 'sandbox');
const close = guard(folder);
let sandboxId: string;
let ports: number[];

after(close);

test('everything is killed while the sandbox starts, before Temporal answers', async (t) => {
  const start = npmStart(t, folder);
  await start.says(/the site is network/);
  for (const { pid } of ours()) process.kill(pid, 'SIGKILL');
  await start.ended;
  assert.doesNotMatch(start.output(), /temporal answers/);
  await until('all of it is gone', () => ours().length === 0);
});

test('its reader leaves while the sandbox starts: it ends in order, and nothing runs', async (t) => {
  const start = npmStart(t, folder);
  await start.says(/docker-registry answers/);
  start.child.stdout?.destroy();
  start.child.stderr?.destroy();
  await start.ended;
  await nothingRuns();
});

test('its terminal is closed while the sandbox starts: it ends in order, and nothing runs', async (t) => {
  const start = startOnTerminal(t, 'npm start', folder);
  await start.says(/docker-registry answers/);
  start.child.kill('SIGKILL');
  await until('all of it is gone', () => ours().length === 0);
  await nothingRuns();
});

test('npm, set-up and demo are killed as the sandbox starts, which starts on by itself', async (t) => {
  const start = npmStart(t, folder);
  await start.says(/Starting the sandbox/);
  await until('the sandbox’s own program is at work', () =>
    ours().some(({ command }) => /main\.ts start/.test(command)),
  );
  await start.kill();
});

test('set-up alone is killed as the worker starts: the demo ends in order, and nothing runs', async (t) => {
  const start = npmStart(t, folder);
  await start.says(/starts the worker/);
  const setUp = ours().find(({ command }) => /setup\/main\.mjs start/.test(command) && !/^npm|^sh/.test(command));
  assert.ok(setUp);
  process.kill(setUp.pid, 'SIGKILL');
  await start.ended;
  await nothingRuns();
});

test('npm, set-up and demo are killed while the VM is provisioned', async (t) => {
  const start = npmStart(t, folder);
  await start.says(/server answers/);
  await hold('PUT /subscriptions/**/virtualMachines/*', 'operation');
  await until('the VM’s provisioning stands still', isHeld, 120);
  await start.kill();
});

test('Ctrl-C in training: the run is taken over, and everything is stopped', async (t) => {
  const start = npmStart(t, folder);
  await start.says(/it runs already; watching it/);
  await letGo();
  await start.says(/train in the cage \(\S+\) running/);
  await until('the script runs', jobRuns);
  start.signal('SIGINT');
  const { code, signal } = await start.ended;
  assert.ok(code === 130 || signal === 'SIGINT', `${code} ${signal}`); // npm ends itself by the signal that it got
  assert.match(start.output(), /^Interrupted\. What had begun goes on at the next npm start\.$/m);
  assert.match(start.output(), /^Nothing runs any more\./m);
  await nothingRuns();
});

test('npm, set-up and demo are killed in training', async (t) => {
  const start = npmStart(t, folder);
  await start.says(/it runs already; watching it/);
  await hold('PUT /v2/**breast-cancer/manifests/*', 'before');
  await until('the script runs', jobRuns, 120);
  await start.kill();
});

test('npm, set-up and demo are killed while the image is pushed', async (t) => {
  const start = npmStart(t, folder);
  await start.says(/it runs already; watching it/);
  await start.says(/train in the cage .* exit code 0, .* 2 starts/); // the VM came up again, and trained anew
  await until('the push stands still', isHeld, 120);
  await start.kill();
});

test('npm, set-up and demo are killed while they predict', async (t) => {
  const start = npmStart(t, folder);
  await start.says(/it runs already; watching it/);
  await letGo();
  await start.says(/^Model +breast-cancer version 1 /m);
  await until('the container is up', async () => (await serving()).length === 1);
  await start.kill();
  assert.equal((await serving()).length, 1, 'it outlives the demo');
});

test('--keep on a terminal keeps everything up, prints lines that work, and ends with Ctrl-C', async (t) => {
  const start = startOnTerminal(t, 'node setup/main.mjs start', folder, '--keep');
  await start.says(/^ {2}curl .*$/m);
  const screen = stripVTControlCharacters(start.output()).replaceAll('\r', '');
  assert.match(screen, /^Model +breast-cancer version 2 /m);
  assert.equal((await serving()).length, 0, 'neither the killed demo’s container nor its own');
  await whatWasMade(['v1', 'v2']);

  const link = /^Everything stays up until Ctrl-C.*\n +(http:\/\/\S+)$/m.exec(screen)?.[1] ?? '';
  assert.match(await (await fetch(link)).text(), /<html/i);
  await imageAnswers(/^ +(docker run .*)$/m.exec(screen)?.[1] ?? '', /^ +curl .* @(\S+) (\S+)$/m.exec(screen) ?? []);

  start.child.stdin?.write('\u0003');
  assert.deepEqual(await start.ended, { code: 0, signal: null });
  assert.match(start.output(), /^Nothing runs any more\./m);
  await nothingRuns();
});

test('the last runs to its very end, says what was made, and leaves nothing but its state', async (t) => {
  const start = npmStart(t, folder);
  assert.deepEqual(await start.ended, { code: 0, signal: null }, start.output());
  const output = start.output();
  for (const said of [
    /^Model +breast-cancer version 3 \(Azure ML, mlflow_model\)$/m,
    /^Image +127\.0\.0\.1:\d+\/edge-train\/breast-cancer@sha256:[0-9a-f]{64}$/m,
    /^Metrics +test_accuracy 0\.9\d+, /m,
    /^Stayed +1 file of data, 126 kB, at demo /m,
    /^Left +\d files, /m,
    /^Receipt +sha256:[0-9a-f]{64}, signed by demo$/m,
    /^ {2}6 of 6 right$/m,
    /^What crossed the site’s uplink, by its own log:$/m,
    /^ {2}127\.0\.0\.1:\d+ \(Temporal\) +out /m,
    new RegExp(
      `^Nothing runs any more\\. What was made stays in ${folder}\nuntil: bin/edge-train sandbox reset --state ${folder}\nTo see it .*: npm start -- --keep$`,
      'm',
    ),
  ])
    assert.match(output, said);
  assert.doesNotMatch(output, /\b1 (files|cores|metrics|packages|tunnels)\b|undefined|NaN|\d{7,} bytes/);
  await nothingRuns();
  assert.ok(existsSync(join(state, 'state.json')));
});

test('the line that it ends with removes all of it', async () => {
  await exec(join(ROOT, 'bin', 'edge-train'), ['sandbox', 'reset', '--state', folder]);
  assert.equal(existsSync(folder), false);
  const label = (kind: string[]) => exec('docker', [...kind, '--quiet', '--filter', `label=edge-train.state=${state}`]);
  for (const kind of [
    ['ps', '--all'],
    ['network', 'ls'],
    ['image', 'ls'],
  ])
    assert.equal((await label(kind)).stdout, '');
  const { stdout } = await exec('docker', ['image', 'ls', '--format', '{{.Repository}}']);
  assert.doesNotMatch(stdout, new RegExp(`^127\\.0\\.0\\.1:(${ports.join('|')})/`, 'm'));
  for (const program of ['iptables', 'ip6tables'])
    assert.ok(!(await exec(program, ['-S'])).stdout.includes(sandboxId), `${program} has no rule of it`);
});

/** All processes of this folder but the guard that resets it when this test dies. */
const ours = () => processesOf(folder).filter(({ command }) => !command.includes('cat >/dev/null'));

/** Whether the VM's systemd has a job at work. */
async function jobRuns(): Promise<boolean> {
  const vm = await vmContainer({ info: info(), folder });
  const units = ['list-units', '--plain', '--no-legend', '--state=active,activating', 'edge-train-job@*'];
  return (await docker(info(), 'exec', vm, 'systemctl', ...units)).includes('edge-train-job@');
}

const info = () => JSON.parse(readFileSync(join(state, 'sandbox.json'), 'utf8')) as SandboxInfo;

/** No process, container, mount, rule or listener; what it made is still there. */
async function nothingRuns(): Promise<void> {
  const kept = JSON.parse(readFileSync(join(state, 'state.json'), 'utf8')) as SandboxState;
  sandboxId = kept.id;
  ports = Object.values(kept.ports);
  assert.ok(ports.length > 5);
  assert.deepEqual(ours(), []);
  const { stdout } = await exec('docker', [
    'ps',
    '--filter',
    `label=edge-train.state=${state}`,
    '--format',
    '{{.Names}}',
  ]);
  assert.deepEqual([stdout, await serving()], ['', []]);
  assert.ok(!readFileSync('/proc/self/mounts', 'utf8').includes(folder));
  for (const program of ['iptables', 'ip6tables'])
    assert.ok(
      !(await exec(program, ['-S'])).stdout.includes(`EDGE-TRAIN-et-${kept.id}`),
      `${program} has no rule of it`,
    );
  const listening = listeningPorts();
  assert.deepEqual(
    ports.filter((port) => listening.has(port)),
    [],
  );
}

/** The demo's own containers of the model. */
async function serving(): Promise<string[]> {
  const filter = ['--filter', `label=dev.edge-train.demo=${folder}`];
  return (await exec('docker', ['ps', '--all', '--quiet', ...filter])).stdout.split('\n').filter(Boolean);
}

async function whatWasMade(tags: string[]): Promise<void> {
  const audit = auditor({ folder, info: info() });
  assert.equal((await audit.virtualMachines()).length, 1);
  assert.equal((await audit.computeTargets()).length, 1);
  assert.equal((await audit.modelVersions('breast-cancer')).length, tags.length);
  assert.deepEqual((await audit.versionTags('edge-train/breast-cancer')).sort(), tags);
}

/** Runs the printed line in a shell, as a person does, and asks what the other printed line asks. */
async function imageAnswers(line: string, [, sample = '', url = '']: string[]): Promise<void> {
  const shell = spawn('sh', ['-c', `exec ${line}`], { stdio: 'ignore' });
  const ended = new Promise((resolve) => shell.once('exit', resolve));
  try {
    const ask = async () => {
      assert.equal(shell.exitCode, null, `${line}\nended`);
      const headers = { 'content-type': 'application/json' };
      return fetch(url, { method: 'POST', headers, body: readFileSync(sample) }).catch(() => undefined);
    };
    const answer = await until('the image answers', ask);
    assert.deepEqual(await answer.json(), ['M', 'M', 'M', 'B', 'B', 'B']);
  } finally {
    shell.kill('SIGINT');
    await ended;
  }
}

const hold = (route: string, moment: string) => faults('POST', { route, moment, action: 'hold' });
const letGo = () => faults('DELETE');
const isHeld = async () => ((await faults('GET')) as { held: string[] }[]).some(({ held }) => held.length > 0);

async function faults(method: string, order?: unknown): Promise<unknown> {
  const answer = await fetch(`${info().admin}/faults`, { method, ...(order ? { body: JSON.stringify(order) } : {}) });
  assert.ok(answer.ok, await answer.clone().text());
  return answer.json();
}
