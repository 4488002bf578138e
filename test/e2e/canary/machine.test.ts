import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { processesOf, searchDisk, searchMemory } from './machine.ts';
import { Needles } from './needles.ts';
import { text } from './secrets.ts';
import { sightings } from './sightings.ts';

const secret = randomBytes(32).toString('base64');
const needles = new Needles(text('the secret', secret));
const folder = mkdtempSync(join(tmpdir(), 'edge-train-disk-'));
after(() => rmSync(folder, { recursive: true }));

const sas = (expiry: string) =>
  `https://127.0.0.1:4/account/hospital/a.csv?sv=2019-12-12&se=${encodeURIComponent(expiry)}&sr=b&sp=r&sig=${encodeURIComponent(secret)}`;
const [valid, expired] = ['2100-01-01T00:00:00Z', '2020-01-01T00:00:00Z'].map(sas) as [string, string];
const token = ['{"alg":"RS256","typ":"JWT"}', '{"aud":"https://management.azure.com"}', 'a signature of it']
  .map((part) => Buffer.from(part).toString('base64url'))
  .join('.');

async function seen(...chunks: Buffer[]): Promise<string[]> {
  const nothing = new Needles(text('nothing', randomBytes(32).toString('hex')));
  const stream = (async function* () {
    yield* chunks;
  })();
  return [...(await sightings(stream, nothing))].sort();
}

test('a SAS that has not run out and a token are seen, in UTF-16 and across two reads too; a SAS that has is none', async () => {
  for (const encoding of ['utf8', 'utf16le'] as const) {
    const whole = Buffer.concat([
      randomBytes(5000),
      Buffer.from(`"${valid}" Bearer ${token}\n`, encoding),
      randomBytes(99),
    ]);
    for (const cut of [100, 5010, 5100, whole.length - 100])
      assert.deepEqual(await seen(whole.subarray(0, cut), whole.subarray(cut)), [
        'a SAS for one blob of hospital (r)',
        'a bearer token',
      ]);
    assert.deepEqual(await seen(Buffer.from(` ${expired} `, encoding)), []);
  }
  assert.deepEqual(
    await seen(Buffer.from('eyJhbGciOiJFQ0RILUVTIn0..c2VhbGVk.c2VhbGVk.c2VhbGVk')),
    [],
    'a sealed grant',
  );
});

test('a file anywhere below a folder is read, and told by its path', async () => {
  mkdirSync(join(folder, 'a', 'b'), { recursive: true });
  writeFileSync(join(folder, 'a', 'b', 'deep'), Buffer.concat([randomBytes(5 * 2 ** 20), Buffer.from(secret)]));
  writeFileSync(join(folder, 'other'), randomBytes(100));
  const { seen: found, files } = await searchDisk(process.pid, needles, folder);
  assert.deepEqual([...found], [['the secret', [join(folder, 'a', 'b', 'deep')]]]);
  assert.equal(files, 2);
});

test('what a process holds in memory is seen, and what it does not hold is not', async () => {
  const name = `holder-${randomBytes(8).toString('hex')}`;
  const program = 'const kept = []; process.stdin.on("data", (d) => (kept.push(d), console.log("held")));';
  const holder = spawn(process.execPath, ['-e', program, name], { stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    const found = processesOf(process.pid, new RegExp(name));
    assert.deepEqual(found, [holder.pid]);
    assert.deepEqual([...(await searchMemory(holder.pid ?? 0, needles)).seen], []);
    holder.stdin.write(secret);
    await once(holder.stdout, 'data');
    const { seen: now, bytes } = await searchMemory(holder.pid ?? 0, needles);
    assert.deepEqual([...now], ['the secret']);
    assert.ok(bytes > 20 * 2 ** 20);
  } finally {
    holder.kill();
  }
});
