import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { Fingerprints } from '../../../activities/edge/gate/search/fingerprints.ts';
import { readInput } from '../../../activities/edge/gate/search/read-input.ts';
import { search } from '../../../activities/edge/gate/search/search.ts';
import { cleanModels, model } from './clean-models.ts';
import { zip } from './made-files.ts';

const CSV = join(import.meta.dirname, '../../../examples/breast-cancer/data/wdbc.csv');
const lines = readFileSync(CSV, 'utf8').trim().split(/\r?\n/);
const header = (lines[0] ?? '').split(',');
const ROW = lines[7] ?? '';
const cells = ROW.split(',');
const id = cells[0] ?? '';
const values = cells.slice(2).map(Number);
const utf16 = (text: string) => Buffer.from(text, 'utf16le');

/** Where no byte is anybody’s: weights as they are in a model of five megabytes. */
const WEIGHTS = Buffer.from(Float32Array.from({ length: 2 ** 18 }, (_, i) => Math.sin(i * i) / 16).buffer);
const among = (leak: Buffer | string, before = 300_001) =>
  Buffer.concat([WEIGHTS.subarray(0, before), Buffer.from(leak), WEIGHTS.subarray(before)]);

let fingerprints: Fingerprints;
let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'edge-train-leaks-'));
  fingerprints = await read(CSV);
});
after(() => rmSync(folder, { recursive: true }));

async function read(path: string, every = 1): Promise<Fingerprints> {
  const made = new Fingerprints();
  await readInput(made, path, every);
  return made.seal();
}

const input = (name: string, content: Buffer | string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

/** One row of 569, in each form, in a file that is otherwise a model’s. */
const CAUGHT: Record<string, Buffer> = {
  'a row in weights': among(ROW),
  'a row as JSON’s list': Buffer.from(JSON.stringify({ note: [ROW] })),
  'a row as JSON’s record': Buffer.from(JSON.stringify(Object.fromEntries(header.map((name, i) => [name, cells[i]])))),
  'the numbers of a row as JSON’s record, without who it is': Buffer.from(
    JSON.stringify(Object.fromEntries(header.slice(2).map((name, i) => [name, values[i]])), undefined, 2),
  ),
  'the numbers of a row as a list, in YAML': Buffer.from(values.map((value) => `- ${value}\n`).join('')),
  'the numbers with more digits than they had': Buffer.from(values.map((value) => value.toFixed(9)).join(' ')),
  'an identifier alone': Buffer.from(JSON.stringify({ best: id })),
  'an identifier in small letters': Buffer.from(JSON.stringify({ best: id.toLowerCase() })),
  'an identifier in a name': Buffer.from(`data/${id}.json`),
  'an identifier in a name, between underscores': Buffer.from(`data/tree_${id}_7.json`),
  'a row in UTF-16': among(utf16(ROW)),
  'a row in UTF-16, big end first': among(utf16(ROW).swap16()),
  'a row in base64': Buffer.from(JSON.stringify({ icon: Buffer.from(ROW).toString('base64') })),
  'a row in base64 that begins in the middle of a group': Buffer.from(`xy${Buffer.from(ROW).toString('base64')}`),
  'a row in base64, in lines': among(Buffer.from(ROW).toString('base64').replace(/.{76}/g, '$&\n')),
  'a row in base64url': Buffer.from(JSON.stringify(Buffer.from(`?>${ROW}`).toString('base64url'))),
  'a row in base64 of base64': among(Buffer.from(Buffer.from(ROW).toString('base64')).toString('base64')),
  'a row in hex': Buffer.from(JSON.stringify({ sha: Buffer.from(ROW).toString('hex') })),
  'a row in hex, with spaces': Buffer.from(Buffer.from(ROW).toString('hex').replace(/../g, '$& ')),
  'a row as \\x escapes': Buffer.from(Buffer.from(ROW).toString('hex').replace(/../g, '\\x$&')),
  'a row as JSON’s escapes': Buffer.from(
    `"${[...ROW].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`,
  ),
  'a row as a URL has it': Buffer.from(Buffer.from(ROW).toString('hex').replace(/../g, '%$&')),
  'a row in gzip, in weights': among(gzipSync(ROW)),
  'a row in gzip whose sum is wrong': among(broken(gzipSync(ROW))),
  'rows in gzip that is cut short, at the end of weights': Buffer.concat([WEIGHTS, cut()]),
  'a row in zlib, in weights': among(deflateSync(ROW)),
  'a row in raw deflate, in base64': Buffer.from(JSON.stringify(deflateRawSync(ROW).toString('base64'))),
  'a row in base64 of gzip': Buffer.from(JSON.stringify(gzipSync(ROW).toString('base64'))),
  'a row in a zip, in weights': among(zip({ 'a.csv': Buffer.from(ROW) }, { packed: true })),
  'a row as a string of a pickle': Buffer.concat([
    model('clean/tree.pkl').subarray(0, -1),
    string(ROW),
    Buffer.from('0.'),
  ]),
  'a row as the floats of a pickled list': among(Buffer.concat(values.map(pickledFloat))),
  'a row as doubles, at an odd place': among(Buffer.from(Float64Array.from(values).buffer)),
  'a row as single floats': among(Buffer.from(Float32Array.from(values).buffer)),
  'a row as doubles, big end first': among(Buffer.from(Float64Array.from(values).buffer).swap64()),
  'a column as doubles': among(
    Buffer.from(Float64Array.from(lines.slice(1, 40).map((line) => Number(line.split(',')[3]))).buffer),
  ),
  'eight numbers of a row': among(Buffer.from(Float32Array.from(values.slice(8, 16)).buffer)),
};

for (const [what, content] of Object.entries(CAUGHT))
  test(`${what} is found`, () => assert.notEqual(search(fingerprints, content).size, 0));

/** What no search of this kind sees. Each is here so that the list in docs/security.md is the whole truth. */
const UNSEEN: Record<string, Buffer> = {
  'a row backwards': among([...ROW].reverse().join('')),
  'a row under XOR': among(Buffer.from([...Buffer.from(ROW)].map((byte) => byte ^ 0x55))),
  'a row, enciphered': among(enciphered(ROW)),
  'the numbers of a row in another order': among(Buffer.from(Float64Array.from([...values].sort()).buffer)),
  'the numbers of a row, scaled': among(Buffer.from(Float64Array.from(values, (value) => value * 1.01).buffer)),
  'the numbers of a row with fewer digits': Buffer.from(values.map((value) => value.toPrecision(2)).join(' ')),
  'three numbers of a row': Buffer.from(JSON.stringify(values.slice(0, 3))),
  'one number of a row': Buffer.from(JSON.stringify(values[3])),
  'the letters of a row as numbers': Buffer.from(JSON.stringify([...Buffer.from(ROW)])),
  'a row with other letters between its own': Buffer.from([...ROW].join('x')),
  'rows in gzip that is broken on purpose': among(brokenOff()),
  'a row in the lowest bits of weights': inLowestBits(ROW),
};

for (const [what, content] of Object.entries(UNSEEN))
  test(`${what} is not seen`, () => assert.equal(search(fingerprints, content).size, 0));

test('13 real models of that very data raise no alarm', () => {
  const models = cleanModels();
  assert.ok(models.size >= 13);
  for (const [path, content] of models) assert.deepEqual([...search(fingerprints, content)], [], path);
  assert.deepEqual([...search(fingerprints, WEIGHTS)], []);
  assert.deepEqual([...search(fingerprints, randomBytes(2 ** 20))], []);
});

test('what a model must say of its data is no leak: the columns, the classes, how many', () => {
  const said = { columns: header, classes: ['B', 'M'], rows: 569, mean: 14.127291739894552, threshold: 17.99 };
  assert.deepEqual([...search(fingerprints, Buffer.from(JSON.stringify(said)))], []);
});

test('a k-nearest-neighbours model is seen to hold its rows', () => {
  assert.ok(search(fingerprints, model('storing/neighbours.pkl')).has('numbers'));
});

test('rows of JSON lines, of texts, of gzip and of tables with tabs are known too', async () => {
  const people = Array.from({ length: 40 }, (_, i) => ({
    name: `Vera Zhou-${i * 7919}`,
    mail: `person${i * 104729}@clinic.example`,
    age: 20 + i,
    note: `patient ${i} came with pain in the ${['knee', 'hip', 'back'][i % 3]} after running ${i * 3} miles`,
  }));
  const json = people.map((each) => JSON.stringify(each)).join('\n');
  const tabs = people.map((each) => Object.values(each).join('\t')).join('\n');
  const person = people[17];
  assert.ok(person);
  const files = [
    input('a.jsonl', json),
    input('a.tsv', `name\tmail\tage\tnote\n${tabs}`),
    input('a.jsonl.gz', gzipSync(json)),
    input('notes.txt', people.map(({ note }) => note).join('\n')),
  ];
  for (const file of files) {
    const known = await read(file);
    assert.notEqual(search(known, Buffer.from(`# ${person.note.toUpperCase()}`)).size, 0, file);
    if (!file.endsWith('.txt'))
      for (const alone of [person.name, person.mail])
        assert.ok(search(known, Buffer.from(`{"x": "${alone}"}`)).has('identifier'), `${alone} of ${file}`);
    assert.equal(search(known, Buffer.from('patient came with pain in the knee after a fall')).size, 0);
  }
});

test('a piece of a file that is no text is known wherever it lies, and in base64', async () => {
  const scan = randomBytes(100_000);
  const known = await read(input('scan.dcm', scan));
  const piece = scan.subarray(40_000, 42_000);
  assert.ok(search(known, among(piece)).has('block'));
  assert.ok(search(known, Buffer.from(JSON.stringify(piece.toString('base64')))).has('block'));
  assert.equal(search(known, WEIGHTS).size, 0);
});

test('what unpacks to more than is looked through is told', () => {
  const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20, 'abc '));
  assert.ok(search(fingerprints, among(bomb)).has('too-much'));
});

test('of a large input each so many’th row is known', async () => {
  const some = await read(CSV, 4);
  const found = lines.slice(1).filter((line) => search(some, Buffer.from(line)).size > 0).length;
  assert.ok(found > 100 && found < 300, String(found));
});

/** Without the stream’s last bytes. */
function cut(): Buffer {
  return gzipSync(lines.slice(5, 30).join('\n')).subarray(0, -40);
}

/** A whole block, and then one of a kind that is none. */
function brokenOff(): Buffer {
  const block = gzipSync(lines.slice(5, 30).join('\n'), { finishFlush: constants.Z_SYNC_FLUSH });
  return Buffer.concat([block, Buffer.from([7])]);
}

function broken(packed: Buffer): Buffer {
  packed[packed.length - 5] = (packed.at(-5) ?? 0) ^ 1;
  return packed;
}

function string(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([Buffer.from('X'), length, Buffer.from(text)]);
}

function pickledFloat(value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.write('G');
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function enciphered(text: string): Buffer {
  return createCipheriv('aes-256-ctr', Buffer.alloc(32, 7), Buffer.alloc(16)).update(text);
}

function inLowestBits(text: string): Buffer {
  const weights = Buffer.from(WEIGHTS);
  [...Buffer.from(text)].forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit += 1) {
      const at = (index * 8 + bit) * 4;
      weights[at] = ((weights[at] ?? 0) & 0xfe) | ((byte >>> bit) & 1);
    }
  });
  return weights;
}
