import assert from 'node:assert/strict';
import { exec } from 'node:child_process';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { modelFiles, startCloud, type ModelKind, type TestCloud } from './cloud.ts';
import { misfits, schemasOf, validDescription, type Description } from '../support/openapi.ts';
import { docker, keepVersion, serve, type Served } from './serve-image.ts';
import { BEYOND_SCHEMAS, BROKEN, COLUMNS, exchange, raw, ROW, rows, WRONG } from './wrong-inputs.ts';

/** What a service answers: images built from released models, run by Docker. */
let cloud: TestCloud;
before(async () => {
  cloud = await startCloud({ base: true });
});
after(async () => cloud?.close());

type Files = Awaited<ReturnType<typeof modelFiles>>;

async function build(kind: ModelKind, { name = kind as string, change = (files: Files) => files } = {}) {
  const request = await keepVersion(cloud, change(await modelFiles(kind)), 1, name);
  return { ...request, image: await cloud.activities.buildImage({ ...request, repository: `edge-train/${name}` }) };
}

const withFile = (path: string, change: (content: string) => string) => (files: Files) =>
  files.map((file) => (file.path === path ? { path, content: Buffer.from(change(file.content.toString())) } : file));

interface Refusal {
  readonly status: number;
  readonly error?: { readonly code: string; readonly problems: { path: string; message: string }[] };
}

async function ask({ url }: Served, sent: unknown, method = 'POST'): Promise<Refusal> {
  const body = (sent as { raw?: string | Buffer } | null)?.raw ?? JSON.stringify(sent);
  const answer = await fetch(`${url}/score`, { method, ...(method === 'GET' ? {} : { body: body as string }) });
  return { status: answer.status, ...((await answer.json()) as { error?: Refusal['error'] }) };
}

async function describedBy({ url }: Served): Promise<Record<'2' | '3' | '3.1', Description>> {
  const get = async (query: string) => {
    const answer = await fetch(`${url}/swagger.json${query}`);
    assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'application/json']);
    return validDescription(await answer.text());
  };
  const all = { '2': await get(''), '3': await get('?version=3'), '3.1': await get('?version=3.1') };
  assert.deepEqual([all['2'].swagger, all['3'].openapi, all['3.1'].openapi], ['2.0', '3.0.3', '3.1.0']);
  return all;
}

/** Each description is valid, its example is answered, and the answer is what it says. */
async function assertDescribed(served: Served): Promise<Record<'2' | '3' | '3.1', Description>> {
  const all = await describedBy(served);
  for (const description of Object.values(all)) {
    const { example } = schemasOf(description)['ServiceInput'] ?? {};
    assert.ok(example, 'it has an example');
    const { status, body } = await served.score(example);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(misfits(all['3.1'], 'ServiceInput', example), '');
    assert.equal(misfits(all['3.1'], 'ServiceOutput', body), '');
  }
  return all;
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
    for (const [what, sent] of BROKEN) assert.match(await exchange(served.url, sent), /^HTTP\/1.1 400 /, what);
    const state = await docker('inspect', '--format', '{{.RestartCount}} {{.State.Running}}', served.container);
    assert.equal(state, '0 true');
  });

  it('runs as nobody, says which release it is, and logs a line of JSON for each request, without what was asked', async () => {
    const [inspected] = JSON.parse(await docker('inspect', served.container)) as {
      Config: { User: string; Labels: Record<string, string> };
    }[];
    assert.equal(inspected?.Config.User, '65532:65532');
    assert.equal(inspected?.Config.Labels['dev.edge-train.release'], built.evidence.release.digest);
    const told = (await logged(served)).filter((line) => 'method' in line);
    assert.ok(told.length > WRONG.length, `${told.length} lines`);
    for (const line of told)
      assert.deepEqual(Object.keys(line), ['time', 'method', 'path', 'status', 'bytes', 'milliseconds']);
    assert.ok(told.some(({ method, path, status }) => method === 'POST' && path === '/score' && status === 413));
    assert.ok(
      told.every(({ path }) => path === '/score' || path === null),
      'who asks for its health is not logged',
    );
    assert.doesNotMatch(await everythingSaid(served), /not used|colour|datta/);
  });

  it('describes itself at /swagger.json in three versions of OpenAPI: what it takes is answered, what it does not is 400', async () => {
    const { '2': second, '3.1': newest } = await assertDescribed(served);
    const record = schemasOf(second)['ServiceInput']?.properties?.['input_data']?.items;
    assert.deepEqual(Object.keys(record?.properties ?? {}), COLUMNS);
    assert.deepEqual(record?.['required'], COLUMNS);
    const written = WRONG.filter(([, sent]) => (sent as { raw?: unknown } | null)?.raw === undefined);
    const fitting = written.filter(([, sent]) => misfits(newest, 'ServiceInput', sent) === '');
    assert.deepEqual(
      fitting.map(([what]) => what),
      BEYOND_SCHEMAS,
    );
    const failures = [];
    for (const [path, method] of [
      ['/swagger.json?version=4', 'GET'],
      ['/swagger.json', 'POST'],
      ['/nowhere', 'GET'],
    ] as const) {
      const answer = await fetch(`${served.url}${path}`, { method });
      failures.push([answer.status, typeof ((await answer.json()) as { message?: unknown }).message]);
    }
    assert.deepEqual(failures, [
      [404, 'string'],
      [405, 'string'],
      [404, 'string'],
    ]);
  });
});

/** Both streams. */
const everythingSaid = ({ container }: Served): Promise<string> =>
  promisify(exec)(`docker logs ${container} 2>&1`).then(({ stdout }) => stdout);

/** What it says once its worker is up, whose logging is ours: lines of JSON only. */
async function logged(served: Served): Promise<Record<string, unknown>[]> {
  const lines = (await everythingSaid(served)).trimEnd().split('\n');
  const first = lines.findIndex((line) => line.startsWith('{'));
  return lines.slice(first).map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Quotes its input where it warns and fails, sleeps as it is told, and says things itself. */
const TALKATIVE = `
import json, logging, time, warnings

ready = 0


def init():
    global ready
    time.sleep(3)
    warnings.warn("a word of its beginning")
    ready = time.time()


def run(raw_data):
    data = json.loads(raw_data)
    logging.warning("a word of the script")
    print("printed", data)
    warnings.warn(f"odd: {data}")
    time.sleep(data.get("seconds", 0))
    try:
        return {"ready": ready, "share": 1 / data["patient"]}
    except ZeroDivisionError as error:
        raise ValueError(f"no share for {data}") from error
`;

const DECLARED = `
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema


def init():
    pass


@input_schema("data", StandardPythonParameterType([{"length": 2.5, "width": 1}]))
def run(data):
    return [sum(row.values()) for row in data]
`;

describe('a model of another kind', () => {
  async function serving(context: TestContext, ...kind: Parameters<typeof build>): Promise<Served> {
    const served = await serve(cloud, (await build(...kind)).image);
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
    await assertDescribed(served);
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
    const { '3.1': newest } = await assertDescribed(served);
    assert.notEqual(misfits(newest, 'ServiceInput', { inputs: { x: [[1, 2, 3]] } }), '');
  });

  it('columns that may be missing and parameters: both as the signature has them, and so described', async (context) => {
    const optional = ['boolean old', 'string note', 'long whole']
      .map((column) => column.split(' '))
      .map(([type, name]) => `, ${JSON.stringify({ type, name, required: false })}`)
      .join('');
    const change = withFile('MLmodel', (text) =>
      text
        .replace(/(inputs: '.*)]'/, `$1${optional}]'`)
        .replace('params: null', `params: '[{"name": "factor", "type": "double", "default": 1.0, "shape": null}]'`),
    );
    const served = await serving(context, 'pyfunc', { name: 'optional', change });
    const record = { length: 2, width: 1, count: 3 };
    for (const more of [{}, { old: true, note: 'a' }, { old: null, note: null }])
      assert.deepEqual(await served.score({ input_data: [{ ...record, ...more }], params: { factor: 2 } }), {
        status: 200,
        body: [31],
      });
    const { '3.1': newest } = await assertDescribed(served);
    assert.equal(misfits(newest, 'ServiceInput', { input_data: [record], params: {} }), '');
    assert.notEqual(misfits(newest, 'ServiceInput', { input_data: [record], params: { depth: 1 } }), '');
    for (const [name, value] of [
      ['old', 1],
      ['whole', null],
    ] as const) {
      const body = { input_data: [{ ...record, [name]: value }] };
      const { status, error } = await ask(served, body);
      assert.deepEqual([status, error?.problems[0]?.path], [400, `input_data[0].${name}`]);
      assert.notEqual(misfits(newest, 'ServiceInput', body), '', 'its description knows it');
    }
  });

  it('no signature: any table, and a description that says no more', async (context) => {
    const change = withFile('MLmodel', (text) => text.replace(/^signature:\n( .*\n)+/m, ''));
    const served = await serving(context, 'pyfunc', { name: 'unsigned', change });
    const body = { input_data: [{ length: 2, width: 1, count: 3 }] };
    assert.deepEqual(await served.score(body), { status: 200, body: [31] });
    const all = await describedBy(served);
    assert.equal(schemasOf(all['2'])['ServiceInput']?.example, undefined);
    assert.equal(misfits(all['3.1'], 'ServiceInput', body), '');
    assert.equal((await ask(served, { input_data: [{ length: 2 }] })).status, 400);
  });

  it('texts in a tensor, which NumPy calls objects', async (context) => {
    const spec = JSON.stringify([{ name: 'words', type: 'tensor', 'tensor-spec': { dtype: 'object', shape: [-1] } }]);
    const signed = withFile('MLmodel', (text) => text.replace(/(inputs: )'.*'/, `$1'${spec}'`));
    const counting = withFile('code/sums.py', (text) =>
      text.replace(/return sum\(.*/, "return [len(word) for word in frame['words']]"),
    );
    const served = await serving(context, 'pyfunc', { name: 'words', change: (files) => counting(signed(files)) });
    const { status, body } = await served.score({ inputs: { words: ['one', 'three'] } });
    assert.deepEqual([status, body], [200, { predictions: [3, 5] }]);
    const { error } = await ask(served, { inputs: { words: [['one'], ['three']] } });
    assert.equal(error?.problems[0]?.path, 'inputs.words');
  });

  it('a user’s own score.py, as Azure ML has it', async (context) => {
    const served = await serving(context, 'own-script');
    const { status, body } = await served.score({ data: [{ length: 2, width: 1 }] });
    assert.deepEqual([status, body], [200, [1]]);
    const { definitions } = (await (await fetch(`${served.url}/swagger.json`)).json()) as Description;
    assert.deepEqual(
      definitions?.['ServiceInput'],
      { type: 'object', example: {} },
      'the server’s own: nothing is known',
    );
  });

  it('a user’s own score.py that fails over an input: 500, and its log tells where and not what', async (context) => {
    const served = await serving(context, 'own-script', {
      name: 'talkative',
      change: withFile('score.py', () => TALKATIVE),
    });
    assert.equal((await ask(served, { patient: 0, name: 'Fenwick' })).status, 500);
    const { status, body } = await served.score({ patient: 2 });
    assert.deepEqual([status, (body as { share: number }).share], [200, 0.5]);
    const told = await logged(served);
    const failure = told.find(({ level }) => level === 'error');
    const { exceptions, message } = failure as { exceptions: { type: string; at: string }[]; message: string };
    assert.equal(message, 'Encountered Exception');
    assert.deepEqual(
      exceptions.map(({ type }) => type),
      ['UserScriptException', 'ValueError', 'ZeroDivisionError'],
    );
    assert.match(exceptions[1]?.at ?? '', /score\.py:23$/);
    const warnings = told.flatMap(
      ({ message }) => /^UserWarning at \S+score\.py:(.*)/.exec(String(message))?.[1] ?? [],
    );
    assert.deepEqual(warnings, ['10: a word of its beginning', '18', '18']);
    assert.equal(told.filter((line) => line['message'] === 'a word of the script').length, 2);
    assert.doesNotMatch(await everythingSaid(served), /Fenwick|patient|share/);
  });

  it('is ready once its script is, and told to stop it answers what it was asked first', async (context) => {
    const served = await serving(context, 'own-script', {
      name: 'slow',
      change: withFile('score.py', () => TALKATIVE),
    });
    const healthy = Date.now();
    const asked = served.score({ patient: 2, seconds: 4 });
    await pause(1000);
    await docker('stop', '--time', '30', served.container);
    const { status, body } = await asked;
    const { ready, share } = body as { ready: number; share: number };
    assert.deepEqual([status, share], [200, 0.5]);
    assert.ok(healthy >= ready * 1000, 'it is healthy when its script has begun');
    assert.equal(await docker('inspect', '--format', '{{.State.ExitCode}}', served.container), '0');
  });

  it('a user’s own score.py that declares its schemas describes itself by these', async (context) => {
    const served = await serving(context, 'own-script', {
      name: 'declared',
      change: withFile('score.py', () => DECLARED),
    });
    const { definitions } = (await (await fetch(`${served.url}/swagger.json`)).json()) as Description;
    const { example } = definitions?.['ServiceInput'] ?? {};
    assert.deepEqual(example, { data: [{ length: 2.5, width: 1 }] });
    assert.deepEqual(await served.score(example), { status: 200, body: [3.5] });
  });
});
