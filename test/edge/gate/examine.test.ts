import assert from 'node:assert/strict';
import { linkSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { memorySource } from '../../../activities/edge/gate/byte-source.ts';
import { examine } from '../../../activities/edge/gate/examine.ts';
import { examineFile } from '../../../activities/edge/gate/examine-file.ts';
import { pickleEnd } from '../../../activities/edge/gate/pickle.ts';
import type { Reason } from '../../../domain/verdict.ts';
import { cleanModels, model, storingModels } from './clean-models.ts';
import { picture, zip } from './made-files.ts';

const look = (path: string, content: Buffer | string) => examine(path, memorySource(Buffer.from(content)));

test('each file of 16 real models is what its library says, and none is refused', async () => {
  const found = new Map<string, string>();
  for (const [path, content] of cleanModels()) {
    const { format, verdict, reasons } = await look(path, content);
    found.set(path, [format, verdict, ...reasons].join(' '));
  }
  const pickles = ['boosting', 'clusters', 'forest', 'histogram-boosting', 'mlflow/model', 'network', 'tree'];
  assert.deepEqual(
    Object.fromEntries(found),
    Object.fromEntries([
      ...pickles.map((name) => [`${name}.pkl`, 'pickle unsure pickle'] as const),
      ['logistic.joblib', 'joblib unsure pickle'],
      ['logistic.skops', 'skops pass'],
      ['boosting.lgb', 'lightgbm pass'],
      ['boosting.ubj', 'xgboost pass'],
      ['boosting.json', 'json pass'],
      ['logistic.onnx', 'onnx pass'],
      ['tree.onnx', 'onnx pass'],
      ['logistic.safetensors', 'safetensors pass'],
      ['card.json', 'json pass'],
      ...['MLmodel', 'conda.yaml', 'python_env.yaml'].map((name) => [`mlflow/${name}`, 'yaml pass'] as const),
      ['mlflow/requirements.txt', 'requirements pass'],
    ]),
  );
});

test('a model that keeps rows is for a person to weigh, whatever it is saved as and wherever it lies in a pipeline', async () => {
  const storing = storingModels();
  assert.equal(storing.size, 7);
  for (const [path, content] of storing) {
    const { verdict, reasons } = await look(path, content);
    assert.deepEqual([verdict, reasons.includes('stores-rows')], ['unsure', true], path);
  }
});

test('markers, a picture, a model’s own code and a torch model are known too', async () => {
  const known: [string, Buffer | string, string, string][] = [
    ['_SUCCESS', '', 'empty', 'pass'],
    ['code/__init__.py', '', 'empty', 'pass'],
    ['score.py', 'def run(data):\n    return data\n', 'python', 'pass'],
    ['curve.png', picture(), 'png', 'pass'],
    [
      'requirements.txt',
      '# made by pip\nscikit-learn==1.5.2\nnumpy>=1.26,<2 ; python_version < "3.13"\n',
      'requirements',
      'pass',
    ],
    ['input_example.json', '{"columns": ["a"], "data": [[1.5]]}', 'json', 'unsure'],
    ['model.pt', torch(), 'torch', 'unsure'],
    ['packed.pt', torch({ packed: true }), 'torch', 'unsure'],
    ['streamed.pt', torch({ described: true }), 'torch', 'unsure'],
  ];
  for (const [path, content, format, verdict] of known) {
    const seen = await look(path, content);
    assert.deepEqual([seen.format, seen.verdict], [format, verdict], path);
  }
});

const json = Buffer.from('{"a": 1}');
const tensors = model('clean/logistic.safetensors');
const onnx = model('clean/logistic.onnx');
const pickle = model('clean/tree.pkl');
const skops = model('clean/logistic.skops');
const lightgbm = model('clean/boosting.lgb');
const xgboost = model('clean/boosting.ubj');
const tail = Buffer.from('P-000001,M,17.99');

/** What is refused, by what it is; each with the reason that must be told. */
const REFUSED: Record<string, [string, Buffer | string, Reason]> = {
  'a pickle called JSON': ['a.json', pickle, 'name-and-content-differ'],
  'a pickle of protocol 0 called JSON': ['a.json', '(lp0\nVP-000001\np1\na.', 'name-and-content-differ'],
  'a pickle of protocol 0 that is YAML as well': ['a.yaml', 'Vrow\n.', 'name-and-content-differ'],
  'a pickle called ONNX': ['a.onnx', pickle, 'name-and-content-differ'],
  'a torch model called a picture': ['a.png', torch(), 'name-and-content-differ'],
  'JSON called ONNX': ['a.onnx', json, 'not-whole'],
  'JSON called a picture': ['a.png', json, 'name-and-content-differ'],
  'JSON and more after it': ['a.json', Buffer.concat([json, tail]), 'not-whole'],
  'JSON and another JSON': ['a.json', Buffer.concat([json, json]), 'not-whole'],
  'JSON with a NUL': ['a.json', '{"a": 1}\0', 'not-whole'],
  'JSON in UTF-16': ['a.json', Buffer.from('{"a": 1}', 'utf16le'), 'not-whole'],
  'JSON that is no UTF-8': ['a.json', Buffer.from([0x22, 0xff, 0x22]), 'not-whole'],
  'YAML with a tag that makes Python objects': ['a.yaml', 'a: !!python/object:os.system x', 'not-whole'],
  'YAML with binary': ['a.yaml', 'a: !!binary UC0wMDAwMDE=', 'not-whole'],
  'YAML with two documents': ['a.yaml', 'a: 1\n---\nb: 2\n', 'not-whole'],
  'YAML with an alias': ['a.yaml', 'a: &x [1]\nb: *x\n', 'not-whole'],
  'requirements that are rows': ['requirements.txt', 'P-000001,M,17.99,10.38\n', 'not-whole'],
  'a picture and more after it': ['a.png', Buffer.concat([picture(), tail]), 'trailing-bytes'],
  'a picture with a chunk of its own': ['a.png', picture('roWs'), 'not-whole'],
  'half a picture': ['a.png', picture().subarray(0, 60), 'not-whole'],
  'safetensors and more after them': ['a.safetensors', Buffer.concat([tensors, tail]), 'trailing-bytes'],
  'safetensors with a gap': ['a.safetensors', gapped(), 'not-whole'],
  'safetensors that are cut': ['a.safetensors', tensors.subarray(0, -8), 'not-whole'],
  'ONNX and more after it': ['a.onnx', Buffer.concat([onnx, tail]), 'trailing-bytes'],
  'ONNX with a field that it does not have': [
    'a.onnx',
    Buffer.concat([onnx, Buffer.from([0x7a, 1, 65])]),
    'trailing-bytes',
  ],
  'a pickle and more after it': ['a.pkl', Buffer.concat([pickle, tail]), 'trailing-bytes'],
  'half a pickle': ['a.pkl', pickle.subarray(0, -100), 'not-whole'],
  'skops and more after it': ['a.skops', Buffer.concat([skops, tail]), 'archive'],
  'skops and more before it': ['a.skops', Buffer.concat([Buffer.from('PK'), skops]), 'archive'],
  'a zip file': ['a.zip', zip({ 'a.csv': tail }), 'archive'],
  'a zip file called skops, with rows beside the schema': [
    'a.skops',
    zip({ 'schema.json': json, 'a.csv': tail }),
    'archive',
  ],
  'a zip in a zip': ['a.skops', zip({ 'schema.json': json, 'a.npy': zip({ 'a.csv': tail }) }), 'archive'],
  'a zip file with a comment': ['a.skops', zip({ 'schema.json': json }, { comment: 'P-000001' }), 'archive'],
  'a torch model with a descriptor that says something else': ['a.pt', otherDescriptor(), 'archive'],
  'a zip file with a gap': ['a.skops', zip({ 'schema.json': json }, { gap: tail }), 'archive'],
  'a text called LightGBM': ['a.lgb', 'tree\nversion=v4\nP-000001,M,17.99\n', 'not-whole'],
  'LightGBM and rows after it': ['a.txt', Buffer.concat([lightgbm, Buffer.from('P-000001,M,17.99\n')]), 'not-whole'],
  'LightGBM with a row among its trees': [
    'a.lgb',
    lightgbm.toString().replace('Tree=1\n', 'Tree=1\nrow=P-000001\n'),
    'not-whole',
  ],
  'a text': ['a.txt', 'P-000001,M,17.99\n', 'not-whole'],
  'XGBoost and more after it': ['a.ubj', Buffer.concat([xgboost, tail]), 'trailing-bytes'],
  'XGBoost that is cut': ['a.ubj', xgboost.subarray(0, -9), 'not-whole'],
  'UBJSON of something else': ['a.ubj', '{U\x01aSU\x08P-000001}', 'not-whole'],
  gzip: ['a.json', gzipSync(json), 'archive'],
  'a compressed pickle': ['a.pkl', deflateSync(pickle), 'archive'],
  'a tar': ['a.tar', Buffer.concat([Buffer.alloc(257), Buffer.from('ustar'), Buffer.alloc(250)]), 'archive'],
  HDF5: ['a.h5', Buffer.from('894844460d0a1a0a00', 'hex'), 'archive'],
  'a table': ['a.csv', 'a,b\n1,2\n', 'unknown-format'],
  'a file without a name that means anything': ['weights', Buffer.alloc(100, 7), 'unknown-format'],
  'a marker that is not empty': ['_SUCCESS', tail, 'name-and-content-differ'],
};

for (const [what, [path, content, reason]] of Object.entries(REFUSED)) {
  test(`${what} is refused`, async () => {
    const { verdict, reasons } = await look(path, content);
    assert.equal(verdict, 'refuse');
    assert.ok(reasons.includes(reason), reasons.join());
  });
}

test('a file with a second name, and one with holes, are refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edge-train-gate-'));
  try {
    const file = (name: string) => ({ path: name, absolute: join(folder, name), bytes: 1 });
    writeFileSync(join(folder, 'a.json'), json);
    assert.equal((await examineFile(file('a.json'))).verdict, 'pass');
    linkSync(join(folder, 'a.json'), join(folder, 'b.json'));
    assert.deepEqual((await examineFile(file('a.json'))).reasons, ['not-a-plain-file']);
    writeFileSync(join(folder, 'c.json'), json);
    truncateSync(join(folder, 'c.json'), 8 * 2 ** 20);
    assert.deepEqual((await examineFile(file('c.json'))).reasons, ['sparse']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the walk over a pickle ends where CPython’s does, over windows and at every cut', async () => {
  for (const [path, content] of cleanModels()) {
    if (!path.endsWith('.pkl')) continue;
    assert.equal(await pickleEnd(memorySource(content)), content.length, path);
  }
  for (let cut = 0; cut < pickle.length; cut += 7)
    assert.equal(await pickleEnd(memorySource(pickle.subarray(0, cut))), undefined);
  const large = Buffer.concat([
    Buffer.from(']('),
    ...Array.from({ length: 60_000 }, (_, i) => Buffer.from(`Vrow ${i}\n`)),
    Buffer.from('e.'),
  ]);
  assert.equal(await pickleEnd(memorySource(large)), large.length);
});

function gapped(): Buffer {
  const header = Buffer.from('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}');
  const length = Buffer.alloc(8);
  length.writeUInt32LE(header.length);
  return Buffer.concat([length, header, Buffer.alloc(8)]);
}

function torch(options = {}): Buffer {
  const members = {
    'm/data.pkl': model('clean/tree.pkl'),
    'm/data/0': Buffer.alloc(64, 1),
    'm/version': Buffer.from('3'),
  };
  return zip(members, options);
}

function otherDescriptor(): Buffer {
  const made = torch({ described: true });
  made.write('row1', made.indexOf('PK\x07\x08', 0, 'latin1') + 4);
  return made;
}
