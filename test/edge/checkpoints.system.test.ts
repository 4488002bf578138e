import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Checkpoints } from '../../activities/edge/checkpoints.ts';
import { ensureContainer, listBlobs, openAccount, readText, type BlobContainer } from '../../services/blob-storage.ts';
import { secret } from '../sandbox/fixture.ts';
import { startAzurite, type Upstream } from '../sandbox/upstream.ts';
import { until } from '../support/until.ts';

const account = { name: 'sitedata', key: secret() };
let azurite: Upstream;
let runs: BlobContainer;
const homes: string[] = [];
before(async () => {
  azurite = await startAzurite([account]);
  runs = openAccount({ endpoint: `${azurite.url}/${account.name}`, key: account.key }).container('runs');
  await ensureContainer(runs);
});
after(async () => {
  await azurite[Symbol.asyncDispose]();
  for (const home of homes) await rm(home, { recursive: true });
});

/** A VM's disk with the job's folders. */
async function disk(job: string) {
  const home = await mkdtemp(join(tmpdir(), 'edge-train-checkpoints-'));
  homes.push(home);
  await mkdir(join(home, 'jobs', job, 'outputs'), { recursive: true });
  const folder = join(home, 'jobs', job, 'outputs', '.checkpoints');
  const checkpoints = new Checkpoints(home, job, runs);
  return { folder, checkpoints, restore: () => new Checkpoints(home, job, runs).restore() };
}

const listed = async (job: string): Promise<string[]> =>
  (
    JSON.parse((await readText(runs, `runs/${job}/checkpoints.json`)) ?? '{"files":[]}') as {
      files: { path: string }[];
    }
  ).files
    .map(({ path }) => path)
    .sort();

/** Looks as the watch over a job does, until the list is as expected. */
async function lookUntil(checkpoints: Checkpoints, job: string, expected: string[]): Promise<void> {
  await until(`${expected.join()} is listed`, async () => {
    checkpoints.look();
    await checkpoints.settle();
    return JSON.stringify(await listed(job)) === JSON.stringify(expected);
  });
}

test('complete checkpoints, and nothing else, are found again on another VM', async () => {
  const job = 'a'.repeat(20);
  const lost = await disk(job);
  await lost.restore();
  assert.deepEqual(await readdir(lost.folder), [], 'a first start finds an empty folder');
  await mkdir(join(lost.folder, 'epoch-1'));
  await writeFile(join(lost.folder, 'epoch-1', 'model.pt'), 'one');
  await writeFile(join(lost.folder, 'epoch-1', 'optimizer.pt'), 'same');
  await writeFile(join(lost.folder, 'state.json'), 'step 1');
  await writeFile(join(lost.folder, 'half.tmp'), 'ha');
  await symlink('/etc/passwd', join(lost.folder, 'link'));
  await lookUntil(lost.checkpoints, job, ['epoch-1/model.pt', 'epoch-1/optimizer.pt', 'state.json']);
  // Written over and over, as by a script that keeps one file: what was complete before stays listed.
  const writing = setInterval(() => void writeFile(join(lost.folder, 'state.json'), `half of ${Date.now()}`), 100);
  await writeFile(join(lost.folder, 'new.pt'), 'new');
  await lookUntil(lost.checkpoints, job, ['epoch-1/model.pt', 'epoch-1/optimizer.pt', 'new.pt', 'state.json']);
  clearInterval(writing);

  const next = await disk(job);
  await next.restore();
  assert.deepEqual((await readdir(next.folder, { recursive: true })).sort(), [
    'epoch-1',
    'epoch-1/model.pt',
    'epoch-1/optimizer.pt',
    'new.pt',
    'state.json',
  ]);
  assert.equal(await readFile(join(next.folder, 'state.json'), 'utf8'), 'step 1');
  assert.equal(await readFile(join(next.folder, 'epoch-1', 'optimizer.pt'), 'utf8'), 'same');
});

test('after a reboot a truncated file is whole again, and what was not complete is gone', async () => {
  const job = 'b'.repeat(20);
  const vm = await disk(job);
  await vm.restore();
  await writeFile(join(vm.folder, 'last.ckpt'), 'x'.repeat(100));
  await lookUntil(vm.checkpoints, job, ['last.ckpt']);
  await truncate(join(vm.folder, 'last.ckpt'), 40);
  await writeFile(join(vm.folder, 'next.ckpt'), 'not yet seen');
  await vm.restore();
  assert.deepEqual(await readdir(vm.folder), ['last.ckpt']);
  assert.equal(await readFile(join(vm.folder, 'last.ckpt'), 'utf8'), 'x'.repeat(100));
});

test('a checkpoint that the script removed is no longer offered, and its content is emptied', async () => {
  const job = 'c'.repeat(20);
  const vm = await disk(job);
  await vm.restore();
  await writeFile(join(vm.folder, 'old'), 'old content');
  await lookUntil(vm.checkpoints, job, ['old']);
  await rm(join(vm.folder, 'old'));
  await writeFile(join(vm.folder, 'new'), 'new content');
  await lookUntil(vm.checkpoints, job, ['new']);
  const sizes: number[] = [];
  for await (const { bytes } of listBlobs(runs, `runs/${job}/checkpoints/`)) sizes.push(bytes);
  assert.deepEqual(sizes.sort(), [0, 'new content'.length].sort());
});

test('a link in the place of the folder is replaced, not followed', async () => {
  const job = 'd'.repeat(20);
  const vm = await disk(job);
  await vm.restore();
  await writeFile(join(vm.folder, 'a'), 'a');
  await lookUntil(vm.checkpoints, job, ['a']);
  const elsewhere = await mkdtemp(join(tmpdir(), 'edge-train-elsewhere-'));
  homes.push(elsewhere);
  await writeFile(join(elsewhere, 'a'), 'a');
  await rm(vm.folder, { recursive: true });
  await symlink(elsewhere, vm.folder);
  await vm.restore();
  assert.deepEqual(await readdir(elsewhere), ['a'], 'what it points to is as it was');
  assert.equal(await readFile(join(vm.folder, 'a'), 'utf8'), 'a');
});

test('a manifest that cannot be read lists nothing', async () => {
  const job = 'e'.repeat(20);
  await runs.getBlockBlobClient(`runs/${job}/checkpoints.json`).upload('{', 1);
  const vm = await disk(job);
  await vm.restore();
  assert.deepEqual(await readdir(vm.folder), []);
});
