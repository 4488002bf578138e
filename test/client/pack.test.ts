import assert from 'node:assert/strict';
import { chmodSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { listFiles } from '../../client/code/list-files.ts';
import { packCode } from '../../client/code/pack.ts';
import { CommandError } from '../../client/command-error.ts';
import { sha256 } from '../../services/signing.ts';
import { folder } from './command.ts';

async function entries(file: string): Promise<{ header: Header; content: string }[]> {
  const found: { header: Header; content: string }[] = [];
  const reader = extract();
  reader.end(gunzipSync(readFileSync(file)));
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    found.push({ header: entry.header, content: Buffer.concat(chunks).toString('utf8') });
  }
  return found;
}

test('the same content has the same digest, whatever the times, modes of others and order', async (t) => {
  const [a, b] = [
    folder(t, { 'train.py': 'x', 'lib/b.py': 'b', 'lib/a.py': '' }),
    folder(t, { 'lib/a.py': '', 'lib/b.py': 'b', 'train.py': 'x' }),
  ];
  utimesSync(join(b, 'train.py'), 1, 1);
  chmodSync(join(b, 'train.py'), 0o600);
  await using one = await packCode((await listFiles(a)).files);
  await using other = await packCode((await listFiles(b)).files);
  assert.equal(one.asset.digest, other.asset.digest);
  assert.deepEqual(one.asset, {
    digest: sha256(readFileSync(one.file)),
    bytes: readFileSync(one.file).length,
    files: 3,
  });
});

test('the archive is sorted, without times and owners, with modes 0644 and 0755 only', async (t) => {
  const place = folder(t, { 'z.py': 'z', 'B/run.sh': 'run', 'é.txt': 'é', [`${'d'.repeat(120)}/f`]: 'long' });
  chmodSync(join(place, 'B/run.sh'), 0o770);
  await using packed = await packCode((await listFiles(place)).files);
  const found = await entries(packed.file);
  assert.deepEqual(
    found.map(({ header, content }) => [header.name, header.mode, content]),
    [
      ['B/run.sh', 0o755, 'run'],
      [`${'d'.repeat(120)}/f`, 0o644, 'long'],
      ['z.py', 0o644, 'z'],
      ['é.txt', 0o644, 'é'],
    ],
  );
  for (const { header } of found) assert.deepEqual([header.mtime?.getTime(), header.uid, header.gid], [0, 0, 0]);
});

test('.amlignore is honoured, else .gitignore; .git and __pycache__ are never sent', async (t) => {
  const files = {
    'a.py': '',
    'b.csv': '',
    'c.log': '',
    '.git/config': '',
    'm/__pycache__/m.pyc': '',
    '.gitignore': '*.log\n',
  };
  const names = async (place: string) => (await listFiles(place)).files.map(({ path }) => path);
  assert.deepEqual(await names(folder(t, files)), ['.gitignore', 'a.py', 'b.csv']);
  assert.deepEqual(await names(folder(t, { ...files, '.amlignore': '*.csv\n' })), [
    '.amlignore',
    '.gitignore',
    'a.py',
    'c.log',
  ]);
});

test('a link that stays inside is sent as what it points to', async (t) => {
  const place = folder(t, { 'real/x.py': 'x' });
  symlinkSync('real/x.py', join(place, 'file'));
  symlinkSync('real', join(place, 'dir'));
  const { files, faults } = await listFiles(place);
  assert.deepEqual(faults, []);
  await using packed = await packCode(files);
  const found = await entries(packed.file);
  assert.deepEqual(
    found.map(({ header, content }) => [header.name, header.type, content]),
    [
      ['dir/x.py', 'file', 'x'],
      ['file', 'file', 'x'],
      ['real/x.py', 'file', 'x'],
    ],
  );
});

test('a file that is swapped after the check is not sent', async (t) => {
  const place = folder(t, { 'train.py': 'x' });
  const { files } = await listFiles(place);
  writeFileSync(join(place, 'train.py'), 'longer than it was');
  await assert.rejects(packCode(files), (error: CommandError) => {
    assert.equal(error.exitCode, 2);
    assert.match(error.faults[0]?.rule ?? '', /changed while it was packed/);
    return true;
  });
});
