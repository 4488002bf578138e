import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { isAlive, start, startNode } from './program.ts';
import { root, scratchFolder } from './scratch.ts';

/** A process that runs `script` in the foreground, as `start` and `test` run their programs. */
function inForeground(script: string) {
  const parent = `
    import { foreground } from '${root}/setup/child.mjs';
    process.exitCode = await foreground(process.execPath, ['-e', process.argv[1]], { cwd: '/' });`;
  return startNode(['--input-type=module', '-e', parent, script]);
}

const patient = `
  process.on('SIGTERM', () => { console.log('got SIGTERM'); process.exit(7); });
  process.on('SIGINT', () => { console.log('got SIGINT'); process.exit(8); });
  setInterval(() => {}, 1000);
  console.log('pid=' + process.pid);`;

async function pidOf(program: ReturnType<typeof startNode>): Promise<number> {
  await until('the child to be up', () => /pid=\d+/.test(program.output()));
  return Number(/pid=(\d+)/.exec(program.output())?.[1]);
}

test('the exit code is the child’s', async () => {
  assert.equal((await inForeground('process.exit(5)').ended).code, 5);
  assert.equal((await inForeground('0').ended).code, 0);
  assert.equal((await inForeground('process.kill(process.pid, "SIGKILL")').ended).code, 137);
});

test('SIGTERM and SIGINT are passed to the child, which decides how it ends', async () => {
  for (const [signal, code] of [
    ['SIGTERM', 7],
    ['SIGINT', 8],
  ] as const) {
    const program = inForeground(patient);
    const pid = await pidOf(program);
    program.child.kill(signal);
    const end = await program.ended;
    assert.equal(end.code, code);
    assert.match(end.output, new RegExp(`got ${signal}`));
    assert.equal(isAlive(pid), false);
  }
});

test('the child is told to end when set-up is killed', async () => {
  const program = inForeground(patient);
  const pid = await pidOf(program);
  program.child.kill('SIGKILL');
  await until('the child to be gone', () => !isAlive(pid));
});

test('the child finds the clone’s own Node first on its PATH', async () => {
  const { output } = await inForeground('console.log(process.env.PATH)').ended;
  assert.equal(output.split(':')[0], path.join(root, '.tools/node/bin'));
});

test('set-up says how it is used when it is not', async () => {
  for (const args of [[], ['nonsense']]) {
    const { code, output } = await startNode(['setup/main.mjs', ...args], { cwd: root }).ended;
    assert.equal(code, 2);
    assert.match(output, /^usage: node setup\/main\.mjs COMMAND/);
  }
});

test('one set-up waits for another of the same clone, and takes over when that is killed', async () => {
  const folder = scratchFolder();
  const script = `
    import { appendFileSync } from 'node:fs';
    import { withLock } from '${root}/setup/lock.mjs';
    const [file, name, stay] = process.argv.slice(1);
    await withLock(file, async () => {
      appendFileSync(file, name);
      if (stay) await new Promise((resolve) => setTimeout(resolve, 60_000));
    }, () => console.log('waiting'));`;
  const file = path.join(folder, 'order');
  const first = startNode(['--input-type=module', '-e', script, file, 'first', 'stay']);
  await until('the first to be in', () => existsSync(file));
  const second = startNode(['--input-type=module', '-e', script, file, 'second']);
  await until('the second to wait', () => second.output().includes('waiting'));
  assert.equal(readFileSync(file, 'utf8'), 'first');
  first.child.kill('SIGKILL');
  assert.equal((await second.ended).code, 0);
  assert.equal(readFileSync(file, 'utf8'), 'firstsecond');
});

/** A clone with the command and a client that shows what it was given. */
async function cloneWithCommand(isSetUp: boolean): Promise<string> {
  const clone = scratchFolder();
  await cp(path.join(root, 'bin'), path.join(clone, 'bin'), { recursive: true });
  mkdirSync(path.join(clone, 'client'));
  writeFileSync(
    path.join(clone, 'client/main.ts'),
    'const args: string[] = process.argv.slice(2); console.log(args.join("|"));',
  );
  if (isSetUp) mkdirSync(path.join(clone, 'node_modules'));
  return path.join(clone, 'bin/edge-train');
}

test('edge-train runs the client with its arguments on a Node that is new enough', async () => {
  const command = await cloneWithCommand(true);
  const PATH = `${path.dirname(process.execPath)}:/usr/bin:/bin`;
  const { code, output } = await start(command, ['run', 'a job.yml', '--json'], { env: { PATH } }).ended;
  assert.deepEqual([code, output], [0, 'run|a job.yml|--json\n']);
});

test('edge-train says in one line what to run when the clone is not set up, or Node is too old', async () => {
  const old = scratchFolder();
  writeFileSync(path.join(old, 'node'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  for (const [isSetUp, first] of [
    [false, path.dirname(process.execPath)],
    [true, old],
  ] as const) {
    const command = await cloneWithCommand(isSetUp);
    const { code, output } = await start(command, [], { env: { PATH: `${first}:/usr/bin:/bin` } }).ended;
    assert.equal(code, 3);
    assert.match(output, /^edge-train: this clone is not set up\. Run: node \S+\/setup\/main\.mjs setup\n$/);
  }
});
