import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  lstatSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { ImageRefused } from '../../services/oci-image/image-refused.ts';
import { ImageTree } from '../../services/oci-image/image-tree.ts';
import { unpackLayer } from '../../services/oci-image/unpack-layer.ts';
import { digestOf, member, pax, tar, type Member } from './layers.ts';

let folder: string;
let root: string;
let tree: ImageTree;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edge-train-image-'));
  root = join(folder, 'tree');
  mkdirSync(root);
  writeFileSync(join(folder, 'outside'), 'untouched');
  tree = new ImageTree(root, { bytes: 10_000_000, entries: 1000 });
});
afterEach(() => {
  assert.deepEqual(
    readdirSync(folder)
      .filter((name) => name !== 'layer')
      .sort(),
    ['outside', 'tree'],
    'nothing was written beside the tree',
  );
  assert.equal(readFileSync(join(folder, 'outside'), 'utf8'), 'untouched');
  rmSync(folder, { recursive: true });
});

async function apply(content: Buffer, { packed = content, maxBytes = 20_000_000 } = {}): Promise<void> {
  writeFileSync(join(folder, 'layer'), packed);
  await unpackLayer(join(folder, 'layer'), tree, { diffId: digestOf(content), maxBytes });
}
const layer = (...members: Member[]) => apply(tar(...members));
const refused = (why: RegExp, ...members: Member[]) =>
  assert.rejects(layer(...members), (error) => error instanceof ImageRefused && why.test(error.message));
const text = (path: string) => readFileSync(join(root, path), 'utf8');
const names = (path = '') => readdirSync(join(root, path)).sort();

describe('a layer', () => {
  const members: Member[] = [
    { name: './' },
    { name: './bin', flag: '2', link: 'usr/bin' },
    { name: './usr/bin/' },
    { name: './usr/bin/run', content: '#!/bin/sh\n', mode: 0o755 },
    { name: './usr/bin/again', flag: '1', link: './usr/bin/run' },
    { name: './etc/secret', content: 'x', mode: 0o600, mtime: 1_234_567 },
  ];

  for (const [how, pack] of [
    ['plain', (bytes: Buffer) => bytes],
    ['gzip', gzipSync],
    [
      'gzip of several members',
      (bytes: Buffer) => Buffer.concat([gzipSync(bytes.subarray(0, 700)), gzipSync(bytes.subarray(700))]),
    ],
    ['zstd', zstdCompressSync],
    [
      'zstd of several frames, one of them to be skipped',
      (bytes: Buffer) =>
        Buffer.concat([
          ...[zstdCompressSync(bytes.subarray(0, 700)), Buffer.from('502a4d1804000000deadbeef', 'hex')],
          zstdCompressSync(bytes.subarray(700)),
        ]),
    ],
  ] as const) {
    it(`is unpacked, ${how}: folders made, links kept, all readable, times as they were`, async () => {
      await apply(tar(...members), { packed: pack(tar(...members)) });
      assert.deepEqual(names(), ['bin', 'etc', 'usr']);
      assert.equal(text('bin/run'), '#!/bin/sh\n');
      assert.equal(readlinkSync(join(root, 'bin')), 'usr/bin');
      assert.equal(statSync(join(root, 'usr/bin/again')).ino, statSync(join(root, 'usr/bin/run')).ino);
      const secret = statSync(join(root, 'etc/secret'));
      assert.deepEqual([secret.mode & 0o7777, secret.mtimeMs], [0o644, 1_234_567_000]);
      assert.equal(statSync(join(root, 'usr/bin/run')).mode & 0o7777, 0o755);
    });
  }

  it('is applied over those below: whiteouts, opaque folders, replaced names', async () => {
    await layer(...['a/1', 'a/2', 'b/1', 'b/deep/2', 'c', 'd/x'].map((name) => ({ name, content: 'below' })), {
      name: 'e',
      flag: '2',
      link: 'a',
    });
    await layer(
      { name: 'b/new', content: 'above' },
      { name: 'b/.wh..wh..opq' },
      { name: 'a/.wh.1' },
      { name: '.wh.nothing' },
      { name: '.wh..wh.plnk' },
      { name: 'c/' },
      { name: 'c/now-a-folder', content: 'above' },
      { name: 'd', content: 'now a file' },
      { name: 'e', content: 'now a file' },
      { name: 'a/2', content: 'above' },
    );
    assert.deepEqual(
      [names(), names('a'), names('b'), names('c')],
      [['a', 'b', 'c', 'd', 'e'], ['2'], ['new'], ['now-a-folder']],
    );
    assert.deepEqual(
      [text('d'), text('e'), text('a/2')],
      ['now a file', 'now a file', 'above'],
      'a link is replaced, not followed',
    );
  });

  it('changes a name and not another one of the same file', async () => {
    await layer(
      { name: 'one', content: 'one' },
      { name: 'two', flag: '1', link: 'one' },
      { name: 'two', flag: '1', link: 'two' },
    );
    await layer({ name: 'two', content: 'other' });
    assert.deepEqual([text('one'), text('two')], ['one', 'other']);
  });

  it('with long names, by pax and by GNU, has them', async () => {
    const long = `${'d'.repeat(120)}/${'f'.repeat(120)}`;
    const other = `${'g'.repeat(140)}`;
    await layer(
      pax({ path: long, mtime: '1600000000.75' }),
      { name: 'cut', content: 'by pax' },
      { name: '././@LongLink', flag: 'L', content: `${other}\0` },
      { name: 'cut', content: 'by GNU' },
      { name: '././@LongLink', flag: 'K', content: `${long}\0` },
      { name: 'link', flag: '2', link: 'cut' },
    );
    assert.deepEqual([text(long), text(other), text('link')], ['by pax', 'by GNU', 'by pax']);
  });
});

describe('a hostile layer', () => {
  it('cannot write through a link that points out of the tree: names are resolved inside it', async () => {
    await layer(
      { name: 'absolute', flag: '2', link: folder },
      { name: 'absolute/outside', content: 'in the tree' },
      { name: 'up', flag: '2', link: '../../../../../..' },
      { name: 'up/above', content: 'in the tree' },
      { name: 'chain', flag: '2', link: 'up/../absolute' },
      { name: 'chain/other', content: 'in the tree' },
      { name: 'file', flag: '2', link: join(folder, 'outside') },
      { name: 'file', content: 'in the tree' },
    );
    assert.equal(text(join(folder, 'outside').slice(1)), 'in the tree');
    assert.equal(text('above'), 'in the tree');
    assert.equal(text(join(folder, 'other').slice(1)), 'in the tree');
    assert.ok(lstatSync(join(root, 'file')).isFile());
  });

  it('cannot remove outside of the tree by a whiteout', async () => {
    await layer({ name: 'out', flag: '2', link: folder }, { name: 'out/.wh.outside' }, { name: 'out/.wh..wh..opq' });
    await refused(/whiteout/, { name: '.wh...' });
    await refused(/whiteout/, { name: '.wh.' });
  });

  it('cannot link to a file outside of the tree', async () => {
    await refused(/hard link/, { name: 'in', flag: '1', link: join(folder, 'outside') });
    await refused(
      /hard link/,
      { name: 'out', flag: '2', link: folder },
      { name: 'in', flag: '1', link: 'out/outside' },
    );
    // A second name of a link is that link, and not the file that it names.
    await layer(
      { name: 'link', flag: '2', link: join(folder, 'outside') },
      { name: 'second', flag: '1', link: 'link' },
    );
    assert.ok(lstatSync(join(root, 'second')).isSymbolicLink());
    await refused(/leaves its root/, { name: 'in', flag: '1', link: '../outside' });
  });

  it('of names that leave, or of no end, is refused', async () => {
    await refused(/leaves its root/, { name: '../outside', content: 'x' });
    await refused(/leaves its root/, { name: 'a/../../outside', content: 'x' });
    await refused(/too long/, pax({ path: 'x'.repeat(300) }), { name: 'x' });
    await refused(/too long/, { name: '././@LongLink', flag: 'L', size: 2 ** 21 });
    await refused(/circle/, { name: 'a', flag: '2', link: 'b' }, { name: 'b', flag: '2', link: 'a' }, { name: 'a/x' });
    await refused(/below what is no folder/, { name: 'f', content: 'x' }, { name: 'f/x', content: 'x' });
    await refused(/NUL/, pax({ path: 'a\0b' }), { name: 'x' });
    await layer({ name: '/etc/passwd', content: 'in the tree' });
    assert.equal(text('etc/passwd'), 'in the tree');
  });

  it('leaves devices and set-ID bits out, and is refused for what is sparse or unknown', async () => {
    await layer(
      { name: 'null', flag: '3' },
      { name: 'disk', flag: '4' },
      { name: 'pipe', flag: '6' },
      { name: 'su', content: 'x', mode: 0o6755 },
      { name: 'sticky/', mode: 0o1777 },
    );
    assert.deepEqual(names(), ['sticky', 'su']);
    assert.equal(statSync(join(root, 'su')).mode & 0o7777, 0o755);
    assert.equal(statSync(join(root, 'sticky')).mode & 0o7777, 0o755);
    await refused(/sparse/, { name: 's', flag: 'S' });
    await refused(/sparse/, pax({ 'GNU.sparse.major': '1' }), { name: 's' });
    await refused(/unknown type/, { name: 'v', flag: 'V' });
  });

  it('that unfolds to more than the site allows, in bytes or names, is refused, also where it lies about its size', async () => {
    tree = new ImageTree(root, { bytes: 1000, entries: 3 });
    await refused(
      /more than 1000 bytes/,
      { name: 'a', content: Buffer.alloc(600) },
      { name: 'b', content: Buffer.alloc(600) },
    );
    tree = new ImageTree(root, { bytes: 1000, entries: 3 });
    await refused(/more than 3 names/, ...['1', '2', '3', '4'].map((name) => ({ name })));
    tree = new ImageTree(root, { bytes: 1000, entries: 3 });
    const bomb = Buffer.concat([tar(), Buffer.alloc(30_000)]);
    await assert.rejects(apply(bomb, { packed: gzipSync(bomb), maxBytes: 20_000 }), /more than 20000 bytes/);
    await refused(/more than 1000 bytes/, { name: 'huge', size: 2 ** 33 - 1 });
  });

  it('that is cut off, damaged, or another than its config says is refused', async () => {
    const whole = tar({ name: 'a', content: Buffer.alloc(5000, 1) });
    await assert.rejects(apply(whole.subarray(0, 3000)), /cut off/);
    const packed = gzipSync(whole);
    await assert.rejects(apply(whole, { packed: packed.subarray(0, packed.length - 20) }), ImageRefused);
    const frames = zstdCompressSync(whole);
    await assert.rejects(apply(whole, { packed: frames.subarray(0, frames.length - 5) }), ImageRefused);
    await assert.rejects(
      apply(whole, { packed: Buffer.concat([packed.subarray(0, 30), Buffer.alloc(50, 7)]) }),
      ImageRefused,
    );
    await assert.rejects(apply(whole, { packed: tar({ name: 'b' }) }), /not the one that its config names/);
    await assert.rejects(apply(Buffer.alloc(2048, 65)), ImageRefused);
    const sum = member({ name: 'x' });
    sum[0] = 0x79;
    await assert.rejects(apply(sum), /no tar, or damaged/);
    await refused(/pax header/, { name: 'p', flag: 'x', content: '99 path=x\n' }, { name: 'x' });
  });

  it('is asked for a program as a process in that root would find it', async () => {
    await layer(
      { name: 'usr/bin/dash', content: 'x', mode: 0o755 },
      { name: 'bin', flag: '2', link: '/usr/bin' },
      { name: 'usr/bin/sh', flag: '2', link: '../../../../../usr/bin/dash' },
      { name: 'usr/bin/ring', flag: '2', link: 'ring' },
    );
    assert.ok(tree.find('/bin/sh')?.isFile());
    assert.equal(tree.find('/bin/bash'), undefined);
    assert.equal(tree.find('/bin/ring'), undefined);
    assert.equal(tree.find('/bin/sh/x'), undefined);
  });
});
