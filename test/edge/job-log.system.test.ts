import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { JobLog } from '../../activities/edge/job-log.ts';
import { ensureContainer, openAccount, readText, type BlobContainer } from '../../services/blob-storage.ts';
import { secret } from '../sandbox/fixture.ts';
import { startAzurite, type Upstream } from '../sandbox/upstream.ts';

const account = { name: 'sitedata', key: secret() };
let azurite: Upstream;
let runs: BlobContainer;
let folder: string;
before(async () => {
  azurite = await startAzurite([account]);
  runs = openAccount({ endpoint: `${azurite.url}/${account.name}`, key: account.key }).container('runs');
  await ensureContainer(runs);
  folder = await mkdtemp(join(tmpdir(), 'edge-train-log-'));
});
after(async () => {
  await azurite[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test('two attempts at once, as after a line that was cut, copy each line once, and neither fails', async () => {
  const file = join(folder, 'job.log');
  const [lost, next] = [new JobLog(file, runs, 'job.log'), new JobLog(file, runs, 'job.log')];
  await appendFile(file, 'first\n');
  await lost.copyAll();
  await appendFile(file, 'second\n');
  await next.copyAll();
  await appendFile(file, 'third\n');
  await lost.copyAll();
  await appendFile(file, 'fourth\n');
  await Promise.all([lost.copyAll(), next.copyAll()]);
  assert.equal(await readText(runs, 'job.log'), await readFile(file, 'utf8'));
});
