import assert from 'node:assert/strict';
import { lstat, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { ArchiveRefused, unpackArchive } from '../../services/code-archive.ts';

const base = await mkdtemp(join(tmpdir(), 'edge-train-archive-'));
after(() => rm(base, { recursive: true }));

async function archive(...entries: [Parameters<ReturnType<typeof pack>['entry']>[0], string?][]): Promise<string> {
  const tar = pack();
  for (const [header, content] of entries) tar.entry(header, content ?? '');
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  const path = join(base, `${Math.random()}.tar.gz`);
  await writeFile(path, gzipSync(Buffer.concat(chunks)));
  return path;
}

test('folders and files come out, with the executable bit and nothing else of the mode', async () => {
  const folder = await mkdtemp(join(base, 'ok-'));
  await unpackArchive(
    await archive(
      [{ name: 'src/', type: 'directory' }],
      [{ name: 'src/a.py', mode: 0o666 }, 'print(1)'],
      [{ name: './run.sh', mode: 0o4777 }, 'x'],
    ),
    folder,
  );
  assert.equal(await readFile(join(folder, 'src/a.py'), 'utf8'), 'print(1)');
  assert.equal((await lstat(join(folder, 'src/a.py'))).mode & 0o7777, 0o644);
  assert.equal((await lstat(join(folder, 'run.sh'))).mode & 0o7777, 0o755);
});

for (const [what, header] of [
  ['a path that climbs', { name: '../evil' }],
  ['a path that climbs in the middle', { name: 'a/../../evil' }],
  ['an absolute path', { name: '/etc/evil' }],
  ['a symbolic link', { name: 'x', type: 'symlink', linkname: '/etc/passwd' }],
  ['a hard link', { name: 'x', type: 'link', linkname: 'a' }],
  ['a device', { name: 'x', type: 'character-device' }],
  ['a pipe', { name: 'x', type: 'fifo' }],
] as const) {
  test(`${what} is refused`, async () => {
    const folder = await mkdtemp(join(base, 'bad-'));
    await assert.rejects(unpackArchive(await archive([{ name: 'a' }, 'x'], [{ ...header }]), folder), ArchiveRefused);
    await assert.rejects(lstat(join(base, 'evil')));
  });
}

test('a truncated archive is an error, not a shorter folder', async () => {
  const whole = await readFile(await archive([{ name: 'a' }, 'x'.repeat(100_000)]));
  const path = join(base, 'cut.tar.gz');
  await writeFile(path, whole.subarray(0, whole.length / 2));
  await assert.rejects(unpackArchive(path, await mkdtemp(join(base, 'cut-'))));
});
