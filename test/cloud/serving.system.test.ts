import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { modelFiles, startCloud, type ModelKind, type TestCloud } from './cloud.ts';
import { docker, keepVersion, serve, type Served } from './serve-image.ts';

/** What a service answers: images built from released models, run by Docker. */
let cloud: TestCloud;
before(async () => {
  cloud = await startCloud({ base: true });
});
after(async () => cloud?.close());

async function build(kind: ModelKind) {
  const request = await keepVersion(cloud, await modelFiles(kind), 1, kind);
  return { ...request, image: await cloud.activities.buildImage({ ...request, repository: `edge-train/${kind}` }) };
}

const COLUMNS = ['length', 'width', 'count'];
const ROW = [2, 1, 3];
const split = (change: object) => ({ input_data: { columns: COLUMNS, data: [ROW], ...change } });
const rows = (...row: unknown[]) => ({ input_data: [row] });
const raw = (text: string | Buffer) => ({ raw: text });

/** What is sent, and the path that the answer names. Each is one that a caller has sent somewhere. */
const WRONG: readonly (readonly [what: string, sent: unknown, path: string])[] = [
  ['no body', raw(''), 'body'],
  ['no JSON', raw('length=2&width=1'), 'body'],
  ['no UTF-8', raw(Buffer.from([0x7b, 0xff, 0x7d])), 'body'],
  ['half a body', raw('{"input_data": [[2, 1'), 'body'],
  ['NaN', raw('{"input_data": [[NaN, 1, 3]]}'), 'body'],
  ['Infinity', raw('{"input_data": [[2, 1, Infinity]]}'), 'body'],
  ['lists in lists without end', raw('['.repeat(100_000)), 'body'],
  ['an integer of 5000 digits', raw(`{"input_data": [[${'9'.repeat(5000)}, 1, 3]]}`), 'body'],
  ['a number', 5, 'body'],
  ['null', null, 'body'],
  ['a text', 'rows', 'body'],
  ['nothing', {}, 'body'],
  ['no rows', [], 'body'],
  ['an unknown form', { rows: [ROW] }, 'body'],
  ['two forms', { input_data: [ROW], inputs: [ROW] }, 'body'],
  ['a word beside the data', { input_data: [ROW], colour: 'red' }, 'colour'],
  ['a parameter that the model has not', { input_data: [ROW], params: { depth: 1 } }, 'params.depth'],
  ['parameters that are none', { input_data: [ROW], params: [1] }, 'params'],
  ['an empty table', { input_data: [] }, 'input_data'],
  ['rows and records', { input_data: [ROW, { length: 1 }] }, 'input_data'],
  ['a short row', rows(2, 1), 'input_data[0]'],
  ['a long row', rows(2, 1, 3, 4), 'input_data[0]'],
  ['a text for a number', rows('two', 1, 3), 'input_data[0][0]'],
  ['true for a number', rows(true, 1, 3), 'input_data[0][0]'],
  ['a list for a number', rows([2], 1, 3), 'input_data[0][0]'],
  ['more than any double', raw('{"input_data": [[1e999, 1, 3]]}'), 'input_data[0][0]'],
  ['an integer that no double holds', raw(`{"input_data": [[${'9'.repeat(400)}, 1, 3]]}`), 'input_data[0][0]'],
  ['half of a whole number', rows(2, 1, 3.5), 'input_data[0][2]'],
  ['null for a whole number', rows(2, 1, null), 'input_data[0][2]'],
  ['more than 64 bits', raw('{"input_data": [[2, 1, 9223372036854775808]]}'), 'input_data[0][2]'],
  ['a whole number without end', raw('{"input_data": [[2, 1, 1e999]]}'), 'input_data[0][2]'],
  ['a column too few', split({ columns: COLUMNS.slice(0, 2), data: [[2, 1]] }), 'input_data'],
  ['a column twice', split({ columns: ['length', 'length', 'count'] }), 'input_data.columns'],
  ['columns without names', split({ columns: [1, 2, 3] }), 'input_data.columns'],
  ['an index of others', split({ index: [1, 2] }), 'input_data.index'],
  ['a part that is no part', split({ datta: [] }), 'input_data.datta'],
  ['a row that is none', split({ data: ROW }), 'input_data.data'],
  ['the second of two rows', split({ data: [ROW, [1, 'two', 3]] }), 'input_data.data[1][1]'],
  [
    'a record that lacks a column',
    [
      { length: 1, width: 2, count: 3 },
      { length: 1, count: 3 },
    ],
    '[1].width',
  ],
  ['lists of two lengths', { inputs: { length: [1], width: [1, 2], count: [3] } }, 'inputs'],
  ['one number for all', { instances: 5 }, 'instances'],
];

interface Refusal {
  readonly status: number;
  readonly error?: { readonly code: string; readonly problems: { path: string; message: string }[] };
}

async function ask({ url }: Served, sent: unknown, method = 'POST'): Promise<Refusal> {
  const body = (sent as { raw?: string | Buffer } | null)?.raw ?? JSON.stringify(sent);
  const answer = await fetch(`${url}/score`, { method, ...(method === 'GET' ? {} : { body: body as string }) });
  return { status: answer.status, ...((await answer.json()) as { error?: Refusal['error'] }) };
}

describe('a model with columns', () => {
  let served: Served;
  let built: Awaited<ReturnType<typeof build>>;
  before(async () => {
    built = await build('pyfunc');
    served = await serve(cloud, built.image);
  });
  after(() => served?.close());
  const predicted = [2 * 1.5 - 2 + 30, -1 + 10];
  const data = [ROW, [0, 0.5, 1]];

  it('answers Azure ML’s form and a bare list by a list, and MLflow’s forms as MLflow does', async () => {
    const records = data.map(([length, width, count]) => ({ length, width, count, note: 'not used' }));
    const otherOrder = { columns: ['count', 'width', 'length'], data: data.map((row) => [...row].reverse()) };
    for (const body of [{ input_data: { columns: COLUMNS, index: [0, 1], data } }, { input_data: data }, records])
      assert.deepEqual(await served.score(body), { status: 200, body: predicted });
    const columns = Object.fromEntries(COLUMNS.map((name, n) => [name, data.map((row) => row[n])]));
    for (const body of [
      { dataframe_split: otherOrder },
      { dataframe_records: records },
      { instances: records },
      { inputs: data },
      { inputs: columns },
    ])
      assert.deepEqual(await served.score(body), { status: 200, body: { predictions: predicted } });
  });

  it(`tells what is wrong with an input by its path: ${WRONG.length} of them, and answers on`, async () => {
    const answers = [];
    for (const [what, sent] of WRONG) answers.push([what, await ask(served, sent)] as const);
    assert.deepEqual(
      answers.map(([what, { status, error }]) => [what, status, error?.code, error?.problems[0]?.path]),
      WRONG.map(([what, , path]) => [what, 400, 'BadInput', path]),
    );
    assert.equal((await ask(served, undefined, 'GET')).status, 405);
    assert.equal((await ask(served, {}, 'PUT')).status, 405);
    const long = await ask(served, raw(`{"input_data": [[${'1,'.repeat(6_000_000)}1]]}`));
    assert.deepEqual([long.status, long.error?.problems[0]?.path], [413, 'body']);
    assert.deepEqual(await served.score({ input_data: data }), { status: 200, body: predicted });
    const state = await docker('inspect', '--format', '{{.RestartCount}} {{.State.Running}}', served.container);
    assert.equal(state, '0 true');
  });

  it('runs as nobody, says which release it is, and logs a line of JSON for each request, without what was asked', async () => {
    const [inspected] = JSON.parse(await docker('inspect', served.container)) as {
      Config: { User: string; Labels: Record<string, string> };
    }[];
    assert.equal(inspected?.Config.User, '65532:65532');
    assert.equal(inspected?.Config.Labels['dev.edge-train.release'], built.evidence.release.digest);
    const lines = (await docker('logs', served.container)).split('\n').filter((line) => line.startsWith('{'));
    const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.ok(told.length > WRONG.length, `${told.length} lines`);
    for (const line of told)
      assert.deepEqual(Object.keys(line), ['time', 'method', 'path', 'status', 'bytes', 'milliseconds']);
    assert.ok(told.some(({ method, path, status }) => method === 'POST' && path === '/score' && status === 413));
    assert.ok(
      told.every(({ path }) => path === '/score'),
      'who asks for its health is not logged',
    );
    assert.doesNotMatch(await docker('logs', served.container), /not used|colour|datta/);
  });
});

describe('a model of another kind', () => {
  async function serving(context: TestContext, kind: ModelKind): Promise<Served> {
    const served = await serve(cloud, (await build(kind)).image);
    context.after(() => served.close());
    return served;
  }

  it('LightGBM: its own text, probabilities of rows', async (context) => {
    const served = await serving(context, 'lightgbm');
    const { status, body } = await served.score({
      input_data: [
        [2, 1],
        [-2, -1],
      ],
    });
    assert.equal(status, 200, JSON.stringify(body));
    // LightGBM 4.7's own answer, by the library alone.
    assert.deepEqual(
      (body as number[]).map((value) => Number(value.toFixed(6))),
      [0.561689, 0.327151],
    );
    assert.equal((await ask(served, rows('a', 1))).error?.problems[0]?.path, 'input_data[0][0]');
  });

  it('ONNX: tensors by name, of the signature’s shape and kind', async (context) => {
    const served = await serving(context, 'onnx');
    const x = [
      [2, 1],
      [0, 0.5],
    ];
    const expected = [{ y: 2 * 1.5 - 2 + 0.25 }, { y: -1 + 0.25 }];
    for (const body of [{ inputs: { x } }, { instances: x }, { input_data: { x } }]) {
      const answer = await served.score(body);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      assert.match(JSON.stringify(answer.body), /1\.25.*-0\.75/, JSON.stringify(expected));
    }
    for (const [sent, path] of [
      [{ inputs: { x: [[1, 2, 3]] } }, 'inputs.x'],
      [{ inputs: { x: [1, 2] } }, 'inputs.x'],
      [{ inputs: { x: [['a', 'b']] } }, 'inputs.x'],
      [{ inputs: { x: [[1, 2], [3]] } }, 'inputs.x'],
      [{ inputs: { x: [] } }, 'inputs.x'],
      [{ inputs: { z: x } }, 'inputs.x'],
      [{ inputs: { x, z: x } }, 'inputs.z'],
      [raw('{"inputs": {"x": [[1e39, 1]]}}'), 'inputs.x'],
    ] as const) {
      const { status, error } = await ask(served, sent);
      assert.deepEqual([status, error?.problems[0]?.path], [400, path], JSON.stringify(sent));
    }
  });

  it('a user’s own score.py, as Azure ML has it', async (context) => {
    const served = await serving(context, 'own-script');
    const { status, body } = await served.score({ data: [{ length: 2, width: 1 }] });
    assert.deepEqual([status, body], [200, [1]]);
  });
});
