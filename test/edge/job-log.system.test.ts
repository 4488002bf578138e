import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { JobLog } from '../../activities/edge/job-log.ts';
import { readText } from '../../services/blob-storage.ts';
import { startSite, type TestSite } from './site.ts';

const folder = mkdtempSync(join(tmpdir(), 'edge-train-log-'));
const file = join(folder, 'job.log');
let site: TestSite;

before(async () => {
  site = await startSite('127.0.0.1', []);
  await site.account.container('runs').create();
});
after(async () => {
  rmSync(folder, { recursive: true });
  await site?.close();
});

test('what stands on site already, by an answer that was lost or by another worker, is neither repeated nor a failure', async () => {
  const runs = site.account.container('runs');
  const [one, other] = [new JobLog(file, runs, 'job.log'), new JobLog(file, runs, 'job.log')];
  appendFileSync(file, 'line 1\n');
  await one.copyAll();
  appendFileSync(file, 'line 2\n');
  await other.copyAll();
  appendFileSync(file, 'line 3\n');
  await one.copyAll(); // believes that line 2 is not there yet
  assert.equal(await readText(runs, 'job.log'), 'line 1\nline 2\nline 3\n');
  assert.equal(one.bytes, 21);
});
