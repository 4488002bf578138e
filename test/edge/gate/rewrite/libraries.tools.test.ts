import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { buffer } from 'node:stream/consumers';
import { memorySource } from '../../../../activities/edge/gate/byte-source.ts';
import { examine } from '../../../../activities/edge/gate/examine.ts';
import { isRewritten, rewrite } from '../../../../activities/edge/gate/rewrite/rewrite.ts';
import { Python } from '../../../support/python.ts';

/** What a file says or computes must stay: only its own library can tell. */
const REQUIREMENTS = [
  ...['scikit-learn==1.5.2', 'numpy<2', 'pandas==2.2.3', 'skops==0.11.0', 'onnx==1.17.0', 'onnxruntime==1.20.1'],
  ...[
    'skl2onnx==1.18.0',
    'safetensors==0.5.3',
    'mlflow-skinny==2.22.5',
    'pyyaml==6.0.2',
    'pillow==11.1.0',
    'xgboost-cpu==3.0.2',
  ],
];
const PROGRAM = readFileSync(join(import.meta.dirname, 'libraries.py'), 'utf8');
const CSV = join(import.meta.dirname, '../../../../examples/breast-cancer/data/wdbc.csv');

const python = new Python();
const [was, anew] = [join(python.folder, 'was'), join(python.folder, 'anew')];
const written = new Map<string, { before: Buffer; after: Buffer }>();

before(
  async () => {
    await python.install(...REQUIREMENTS);
    mkdirSync(was);
    await python.ask(`${PROGRAM}\nprint(0)`, 'make', was, CSV);
    for (const path of files(was)) {
      const content = readFileSync(join(was, path));
      const after = await writtenAnew(path, content);
      if (after !== content) written.set(path, { before: content, after });
      mkdirSync(dirname(join(anew, path)), { recursive: true });
      writeFileSync(join(anew, path), after);
    }
  },
  { timeout: 600_000 },
);
after(() => python.remove());

test('the libraries predict, show and read the same from files that were written anew', async () => {
  const said = (await python.ask(PROGRAM, 'compare', was, anew, CSV)) as Record<string, boolean>;
  assert.deepEqual(
    Object.entries(said).filter(([, same]) => !same),
    [],
  );
  assert.ok(Object.keys(said).length >= 18);
});

test('what carries nothing is gone: comments, texts in pictures, documentation, metadata, times', () => {
  assert.ok(written.size >= 19, [...written.keys()].join());
  for (const [path, { before, after }] of written) {
    assert.ok(!after.includes('P-000001'), path);
    assert.ok(!after.includes('a graph') && !after.includes('a tensor'), path);
    if (path.endsWith('.skops')) assert.ok(after.readUInt32LE(10) === 33 << 16, `${path} has no time`);
    if (/\.(onnx|png|safetensors)$/.test(path)) assert.ok(after.length < before.length, path);
  }
});

test('what was written anew is written the same again', async () => {
  for (const [path, { after }] of written) assert.deepEqual(await writtenAnew(path, after), after, path);
});

async function writtenAnew(path: string, content: Buffer): Promise<Buffer> {
  const { format, verdict, reasons } = await examine(path, memorySource(content));
  assert.notEqual(verdict, 'refuse', `${path}: ${reasons.join()}`);
  if (!isRewritten(format)) return content;
  const chunks = await rewrite(format, memorySource(content));
  assert.ok(chunks, path);
  return buffer(chunks);
}

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
}
