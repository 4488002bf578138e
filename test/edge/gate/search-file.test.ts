import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { fingerprintInputs, searchFile } from '../../../activities/edge/gate/search-file.ts';

const JOB = 'a'.repeat(20);
const home = mkdtempSync(join(tmpdir(), 'edge-train-search-'));
after(() => rmSync(home, { recursive: true }));

const rows = Array.from(
  { length: 50 },
  (_, i) => `PAT-${100_003 * i},${i * 1.37 + 20},${i * 2.11 + 140},${180 - i * 0.77}`,
);
write('inputs/data/a.csv', `patient,age,height,weight\n${rows.slice(0, 25).join('\n')}\n`);
write('inputs/more/b.csv', `patient,age,height,weight\n${rows.slice(25).join('\n')}\n`);
write('inputs/more/broken.csv.gz', gzipSync(rows.join('\n')).subarray(0, 60));

let beats = 0;
const beat = () => void (beats += 1);
const fingerprints = await fingerprintInputs(home, JOB, beat);

test('rows of each input are known, and a broken one stops nothing', async () => {
  for (const row of [rows[3], rows[40]])
    assert.deepEqual(await found('out.json', JSON.stringify({ row })), ['identifier-of-input', 'row-of-input']);
  assert.deepEqual(await found('out.json', '{"weights": [0.25, 1.5, 3.75]}'), []);
  assert.ok(beats > 0);
});

test('a row is found at a file’s end and across two of its pieces', async () => {
  const size = 8 * 2 ** 20;
  for (const at of [size - 20, size + 2 ** 16 - 15, size + 300_000]) {
    const content = Buffer.alloc(size + 400_000, '.');
    content.write(` ${rows[7]} `, at);
    assert.ok((await found('out.json', content)).includes('row-of-input'), String(at));
  }
});

test('an identifier in a file’s name is found', async () => {
  assert.deepEqual(await found(`tree-of/${rows[9]?.split(',')[0]}.json`, '{}'), ['identifier-of-input']);
});

async function found(path: string, content: string | Buffer): Promise<string[]> {
  const absolute = write(`outputs/${path}`, content);
  return [...(await searchFile({ path, absolute, bytes: content.length }, fingerprints, beat))].sort();
}

function write(path: string, content: string | Buffer): string {
  const absolute = join(home, 'jobs', JOB, path);
  mkdirSync(dirname(absolute), { recursive: true });
  writeFileSync(absolute, content);
  return absolute;
}
