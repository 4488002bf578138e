import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { buffer } from 'node:stream/consumers';
import { crc32, deflateSync } from 'node:zlib';
import { memorySource } from '../../../../activities/edge/gate/byte-source.ts';
import { holdsExcess } from '../../../../activities/edge/gate/excess.ts';
import { lookThrough } from '../../../../activities/edge/gate/look-through.ts';
import { rewrite } from '../../../../activities/edge/gate/rewrite/rewrite.ts';
import { Fingerprints } from '../../../../activities/edge/gate/search/fingerprints.ts';
import { readInput } from '../../../../activities/edge/gate/search/read-input.ts';
import { search } from '../../../../activities/edge/gate/search/search.ts';
import { formText, type Format } from '../../../../domain/verdict.ts';
import { model } from '../clean-models.ts';
import { picture, zip } from '../made-files.ts';

const home = mkdtempSync(join(tmpdir(), 'edge-train-rewrite-'));
after(() => rmSync(home, { recursive: true }));

async function anew(format: Format, content: Buffer | string): Promise<Buffer | undefined> {
  const chunks = await rewrite(format, memorySource(Buffer.from(content)));
  return chunks && buffer(chunks);
}
const text = async (format: Format, content: string) => (await anew(format, content))?.toString();

test('JSON has one spelling: no space, one form of each text and number, the order that it had', async () => {
  const cases: [string, string | undefined][] = [
    [
      ' { "b" : [ 1 , 2.50, 1e2, -0.0, 1E400 ],\r\n\t"a": "\\u0041\\/\\"" } ',
      '{"b":[1,2.5,100.0,-0.0,1E400],"a":"A/\\""}\n',
    ],
    ['12345678901234567890', '12345678901234567890\n'],
    ['{"a": 1, "\\u0061": 2}', undefined],
    ['[{"a": 1}, {"a": 2}, "a"]', '[{"a":1},{"a":2},"a"]\n'],
    ['{"a": {"a": "a"}}', '{"a":{"a":"a"}}\n'],
    ['"\\\\"', '"\\\\"\n'],
  ];
  for (const [given, wanted] of cases) assert.equal(await text('json', given), wanted, given);
});

test('YAML loses comments and space; what two versions of YAML read otherwise stays as it was', async () => {
  const given = '# P-1\na:   yes # P-2\n"b": "yes"\nc: |\n  x\nd: [1.50, 010, {}]\n';
  assert.equal(await text('yaml', given), 'a: yes\n"b": "yes"\nc: "x\\n"\nd:\n  - 1.50\n  - 010\n  - {}\n');
  assert.equal(await text('yaml', '? [a]\n: 1\n'), undefined);
  assert.equal(await text('yaml', 'a: !!int "1"\n'), undefined);
});

test('requirements keep their order, their options and what stands behind a # in an address', async () => {
  const given = '# P-1\n--index-url https://a.example/#x\n\n  b==1 # P-2\r\na<2\n';
  assert.equal(await text('requirements', given), '--index-url https://a.example/#x\nb==1\na<2\n');
});

test('a picture is its points: texts go, and what is packed behind the points keeps it on site', async () => {
  const plain = await anew('png', picture());
  assert.ok(plain);
  assert.deepEqual(await anew('png', picture('tEXt')), plain);
  assert.deepEqual(await anew('png', picture('pHYs')), plain);
  for (const packed of [
    deflateSync(Buffer.from([0, 128, 7])),
    Buffer.concat([deflateSync(Buffer.from([0, 128])), Buffer.from('row')]),
    deflateSync(Buffer.from([0])),
  ])
    assert.equal(await anew('png', withPoints(packed)), undefined);
  assert.ok(await anew('png', withPoints(deflateSync(Buffer.from([0, 128]), { level: 0 }))));
});

test('safetensors keep their tensors and whose they are', async () => {
  const header = JSON.stringify({
    b: { dtype: 'U8', shape: [2], data_offsets: [0, 2] },
    __metadata__: { format: 'pt', note: 'P-1' },
    a: { dtype: 'F32', shape: [1], data_offsets: [2, 6] },
  });
  const length = Buffer.alloc(8);
  length.writeUInt32LE(header.length);
  const made = await anew('safetensors', Buffer.concat([length, Buffer.from(header), Buffer.from('BBAAAA')]));
  assert.ok(made);
  const wanted =
    '{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}}';
  assert.equal(made.subarray(8, -6).toString().trimEnd(), wanted);
  assert.equal(made.subarray(-6).toString(), 'AAAABB');
});

test('ONNX keeps what computes: fields that are unknown or only tell something go, at any depth', async () => {
  const graph = (...more: Buffer[]) => field(7, field(1, field(4, 'Relu')), field(2, 'g'), ...more);
  const plain = Buffer.concat([varintField(1, 8), graph(), field(8, varintField(2, 17))]);
  assert.deepEqual(await anew('onnx', plain), plain);
  const talkative = Buffer.concat([
    ...[field(8, varintField(2, 17)), varintField(1, 8), field(2, 'P-1'), field(6, 'P-2'), field(14, field(1, 'P-3'))],
    field(7, field(1, field(6, 'P-4'), field(4, 'Relu'), field(90, 'P-5')), field(10, 'P-6'), field(2, 'g')),
  ]);
  assert.deepEqual(await anew('onnx', talkative), plain);
  const twice = Buffer.concat([plain, graph()]);
  assert.equal(await anew('onnx', twice), undefined, 'a second graph would be merged into the first');
});

test('a tensor of ONNX has as many bytes as its shape says', async () => {
  const withTensor = (...tensor: Buffer[]) =>
    anew('onnx', Buffer.concat([varintField(1, 8), field(7, field(5, ...tensor)), field(8, varintField(2, 17))]));
  const two = [varintField(1, 2), varintField(2, 1)];
  const floats = Buffer.alloc(8, 1);
  assert.ok(await withTensor(...two, field(9, floats)));
  assert.ok(await withTensor(...two, field(4, floats)));
  assert.ok(await withTensor(field(1, Buffer.from([2])), varintField(2, 1), field(9, floats)));
  for (const wrong of [
    [...two, field(9, Buffer.alloc(9))],
    [...two, field(4, Buffer.alloc(12))],
    [...two, field(9, floats), field(4, floats)],
    [varintField(1, 2), varintField(2, 8), field(6, 'a'), field(6, 'b'), field(6, 'P-1')],
  ])
    assert.equal(await withTensor(...wrong), undefined);
});

test('a model that is far larger than its parameters is for a person to weigh', async () => {
  const onnx = (name: number, weights: number) => {
    const tensor = field(5, varintField(1, weights / 4), varintField(2, 1), field(9, Buffer.alloc(weights)));
    return Buffer.concat([varintField(1, 8), field(7, field(2, Buffer.alloc(name, 'n')), tensor)]);
  };
  const excess = (content: Buffer, format: Format = 'onnx') => holdsExcess(format, memorySource(content));
  assert.equal(await excess(onnx(3_000_000, 400)), true);
  assert.equal(await excess(onnx(3_000_000, 4_000_000)), false);
  assert.equal(await excess(onnx(900_000, 400)), false);
  const skops = zip({ 'schema.json': Buffer.alloc(2_000_000, ' '), '1.npy': Buffer.alloc(100) });
  assert.equal(await excess(skops, 'skops'), true);
});

test('skops files are the same whatever times and order they had, and what fills records up is zero', async () => {
  const schema = Buffer.from('{"a": 1}');
  const [one, other] = [records('PATIENT'), records('another')];
  const made = await anew('skops', zip({ 'schema.json': schema, 'b.npy': one }, { packed: true }));
  assert.deepEqual(await anew('skops', zip({ 'b.npy': other, 'schema.json': schema })), made);
  assert.ok(made && !made.includes('PATIENT') && made.includes('value'));
});

test('the gate writes beside the outputs, looks into what it has written, and says what became of the file', async () => {
  const left = place('card.json', '{ "a": 1 }');
  const seen = await look('card.json');
  assert.deepEqual(seen.verdict.form, { written: 'anew', before: 10 });
  assert.equal(readFileSync(seen.file.absolute, 'utf8'), '{"a":1}\n');
  assert.equal(readFileSync(left, 'utf8'), '{ "a": 1 }');
  assert.equal(
    formText(seen.verdict, seen.file.bytes),
    'written anew: 2 of 10 bytes dropped (space, second spellings)',
  );

  place('tree.pkl', model('clean/tree.pkl'));
  const pickled = await look('tree.pkl');
  assert.deepEqual(pickled.verdict.form, { written: 'as it was' });
  assert.match(formText(pickled.verdict, 1), /^as it was/);

  place('twice.json', '{"a": 1, "a": 2}');
  const { verdict } = await look('twice.json');
  assert.deepEqual([verdict.verdict, verdict.reasons], ['refuse', ['not-whole']]);
});

test('a row in a text of a picture does not leave, and does not keep the picture', async () => {
  const drawn = picture('tEXt', 'Comment\0PAT-1000030,20.5 ');
  place('curve.png', drawn);
  const fingerprints = new Fingerprints();
  const rows = Array.from({ length: 30 }, (_, i) => `PAT-${100_003 * i},${i * 1.37 + 20}`);
  const input = place('input.csv', `patient,age\n${rows.join('\n')}\n`);
  await readInput(fingerprints, input, 1);
  fingerprints.seal();
  assert.notEqual(search(fingerprints, drawn).size, 0, 'the picture as the script left it holds an identifier');
  const { verdict, file } = await look('curve.png', fingerprints);
  assert.equal(verdict.verdict, 'pass');
  assert.ok(!readFileSync(file.absolute).includes('PAT-1000030'));
});

function look(path: string, fingerprints = new Fingerprints().seal()) {
  const absolute = join(home, 'jobs', 'j', 'outputs', path);
  return lookThrough(home, 'j', { path, absolute, bytes: readFileSync(absolute).length }, fingerprints, () => {});
}

function place(path: string, content: Buffer | string): string {
  const absolute = join(home, 'jobs', 'j', 'outputs', path);
  mkdirSync(dirname(absolute), { recursive: true });
  writeFileSync(absolute, content);
  return absolute;
}

function withPoints(packed: Buffer): Buffer {
  const whole = picture();
  const at = whole.indexOf('IDAT') - 4;
  const body = Buffer.concat([Buffer.from('IDAT'), packed]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(packed.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([whole.subarray(0, at), length, body, sum, whole.subarray(whole.indexOf('IEND') - 4)]);
}

/** Two records of five bytes that are filled up to twelve. */
function records(filling: string): Buffer {
  const head = `\x93NUMPY\x01\x00\x74\x00{'descr': [('a', '|S5'), ('', '|V7')], 'fortran_order': False, 'shape': (2,), }`;
  return Buffer.from(`${head.padEnd(125)}\n${`value${filling}`.repeat(2)}`, 'latin1');
}

function varint(value: number): Buffer {
  const bytes = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}

function field(number: number, ...content: (Buffer | string)[]): Buffer {
  const bytes = Buffer.concat(content.map((each) => Buffer.from(each)));
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function varintField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)]);
}
