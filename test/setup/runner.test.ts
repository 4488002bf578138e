import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { isAlive, startNode } from './program.ts';
import { root, scratchFolder } from './scratch.ts';

/** A clone with our runner and these test files; its temporary folder is `tmp` in it. No Docker is asked. */
async function clone(files: Record<string, string>): Promise<string> {
  const folder = scratchFolder();
  await cp(path.join(root, 'setup'), path.join(folder, 'setup'), { recursive: true });
  for (const name of ['test', 'tmp']) mkdirSync(path.join(folder, name));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(path.join(folder, 'test', name), `import { test } from 'node:test';\n${text}`);
  }
  return folder;
}

function runTests(folder: string, ...args: string[]) {
  const env = { TMPDIR: path.join(folder, 'tmp'), DOCKER_HOST: 'unix:///nowhere', EDGE_TRAIN_TEST_RUN: '' };
  return startNode(['setup/test/main.mjs', 'unit', ...args], { cwd: folder, env });
}

const lastLine = (output: string): string | undefined => output.trimEnd().split('\n').at(-1);

/** A test that starts a process which leaves its parent and its session, and says which. */
const leaver = `
import { spawn } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
child.unref();
writeFileSync(import.meta.filename + '.new', String(child.pid));
renameSync(import.meta.filename + '.new', import.meta.filename + '.left'); // whole as soon as it is there
writeFileSync(process.env.TMPDIR + '/file', 'x');
`;

test('what passed is counted, and the last line says so', async () => {
  const folder = await clone({
    'a.test.ts': "test('a', () => {});\ntest('b', () => {});",
    'b.test.ts': "test('c', () => {});",
  });
  const { code, output } = await runTests(folder).ended;
  assert.equal(lastLine(output), 'tests: 3 passed, 0 failed');
  assert.equal(code, 0);
  assert.deepEqual(readdirSync(path.join(folder, 'tmp')), []);
});

const failing = {
  'a test that throws': ["test('x', () => { throw new Error('because'); });", 'because'],
  'a subtest that throws': [
    "test('x', async (t) => { await t.test('y', () => { throw new Error('inner'); }); });",
    'inner',
  ],
  'a test that throws what is no text': [
    "test('x', () => { throw Object.create(null, { odd: { value: 'nameless', enumerable: true } }); });",
    'nameless',
  ],
  'a skipped test': ["test('x', { skip: true }, () => {});", 'every test must run'],
  'a test put off': ["test.todo('x');", 'every test must run'],
  'a file without tests': ['export {};', 'declares no test'],
  'a file that throws': ["throw new Error('at once');", 'at once'],
  'a file that throws after its tests': [
    "test('x', () => {}); setTimeout(() => { throw new Error('late'); }, 50);",
    'late',
  ],
  'a file that ends its process': ["test('x', () => process.exit(0)); test('y', () => {});", 'x'],
} as const;

test('whatever did not pass is a failure, is told, and makes the exit code 1', async () => {
  const files = Object.entries(failing).map(([what, [text]], index) => ({ what, name: `f${index}.test.ts`, text }));
  const folder = await clone(Object.fromEntries(files.map(({ name, text }) => [name, text])));
  const { code, output } = await runTests(folder).ended;
  assert.equal(code, 1);
  assert.match(lastLine(output) ?? '', /^tests: \d+ passed, \d+ failed$/);
  for (const { what, name } of files) {
    assert.match(output, new RegExp(`✖ test/${name}(:| >|\\n)`), what);
    assert.ok(output.includes(failing[what as keyof typeof failing][1]), what);
  }
});

test('a failure, also the only one, is told again with its reason at the end', async () => {
  const folder = await clone({ 'a.test.ts': "test('a', () => { throw new Error('because'); });" });
  const { output } = await runTests(folder).ended;
  const end = output.slice(output.indexOf('\nFailed:'));
  assert.match(end, /^\nFailed:\n {2}✖ test\/a\.test\.ts > a\n {6}Error: because\n/);
});

test('tests that are declared in an imported file count for the file that was run', async () => {
  const files = {
    'a.test.ts': "import './shared.ts';",
    'shared.ts': "test('a', () => {});\ntest('b', () => { throw 1; });",
  };
  const { output } = await runTests(await clone(files)).ended;
  assert.match(output, /✖ test\/a\.test\.ts > b/);
  assert.equal(lastLine(output), 'tests: 1 passed, 1 failed');
});

test('a run without tests is a failure', async () => {
  const folder = await clone({ 'a.test.ts': "test('a', () => {});" });
  const { code, output } = await runTests(folder, 'no-such-file').ended;
  assert.equal(lastLine(output), 'tests: 0 passed, 0 failed');
  assert.equal(code, 1);
});

test('only the files that are named are run', async () => {
  const folder = await clone({ 'a.test.ts': "test('a', () => {});", 'b.test.ts': "test('b', () => {});" });
  const { output } = await runTests(folder, 'test/b.test.ts').ended;
  assert.equal(lastLine(output), 'tests: 1 passed, 0 failed');
});

test('what a test left running ends with the run', async () => {
  const folder = await clone({ 'a.test.ts': `${leaver}test('a', () => {});` });
  const { code, output } = await runTests(folder).ended;
  const pid = Number(readFileSync(path.join(folder, 'test/a.test.ts.left'), 'utf8'));
  assert.equal(code, 0);
  assert.equal(isAlive(pid), false);
  assert.match(output, new RegExp(`ended process ${pid}`));
  assert.deepEqual(readdirSync(path.join(folder, 'tmp')), []);
});

const hanging = { 'a.test.ts': `${leaver}test('a', () => new Promise(() => setInterval(() => {}, 1000)));` };

test('a run that is told to stop takes away what it made, and counts what was at work as failed', async () => {
  const folder = await clone(hanging);
  const program = runTests(folder);
  await until('the test to be at work', () => existsSync(path.join(folder, 'test/a.test.ts.left')));
  program.child.kill('SIGTERM');
  const { code, output } = await program.ended;
  const pid = Number(readFileSync(path.join(folder, 'test/a.test.ts.left'), 'utf8'));
  assert.equal(code, 1);
  assert.equal(lastLine(output), 'tests: 0 passed, 1 failed');
  assert.match(output, /stopped by SIGTERM/);
  assert.equal(isAlive(pid), false);
  assert.deepEqual(readdirSync(path.join(folder, 'tmp')), []);
});

test('the next run takes away what a killed one left, and leaves alone what another one is at', async () => {
  const folder = await clone({ ...hanging, 'b.test.ts': "test('b', () => {});", 'c.test.ts': hanging['a.test.ts'] });
  const other = runTests(folder, 'test/c.test.ts');
  await until('the other test to be at work', () => existsSync(path.join(folder, 'test/c.test.ts.left')));
  const kept = Number(readFileSync(path.join(folder, 'test/c.test.ts.left'), 'utf8'));
  const killed = runTests(folder, 'test/a.test.ts');
  await until('the first test to be at work', () => existsSync(path.join(folder, 'test/a.test.ts.left')));
  const left = Number(readFileSync(path.join(folder, 'test/a.test.ts.left'), 'utf8'));
  killed.child.kill('SIGKILL');
  await killed.ended;
  const { output } = await runTests(folder, 'test/b.test.ts').ended;
  assert.equal(lastLine(output), 'tests: 1 passed, 0 failed');
  assert.match(output, new RegExp(`left by a test run that was killed: ended process ${left}`));
  assert.equal(isAlive(left), false);
  assert.equal(isAlive(kept), true);
  assert.equal(readdirSync(path.join(folder, 'tmp')).length, 1);
  other.child.kill('SIGTERM');
  assert.equal(lastLine((await other.ended).output), 'tests: 0 passed, 1 failed');
  assert.deepEqual(readdirSync(path.join(folder, 'tmp')), []);
});
