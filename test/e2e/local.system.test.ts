import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startCommand, type Running } from '../client/command.ts';
import { until } from '../support/until.ts';
import { guard } from './product.ts';

const JOB = `type: command
command: python train.py \${{inputs.table}} \${{outputs.model}} \${{inputs.way}}
code: src
environment: {image: "python:3.11"}
compute: azureml:gpu-cluster
inputs:
  table: {type: uri_file, path: azureml://datastores/clinic/paths/patients.csv}
  way: well
outputs:
  model: {type: custom_model}
`;
const SCRIPT = `import json, os, sys, time
table, model, way = sys.argv[1:]
rows = open(table).read().splitlines()
print("read", len(rows), "rows", flush=True)
os.makedirs(model, exist_ok=True)
with open(model + "/model.json", "w") as file:
    json.dump({"rows": len(rows)}, file)
with open(model + "/score.py", "w") as file:
    file.write("def init():\\n    pass\\n\\n\\ndef run(data):\\n    return data\\n")
if way == "badly":
    raise KeyError("no such column")
while way == "long":
    time.sleep(0.1)
`;

let place: string;
let state: string;
let close: () => Promise<void>;

before(() => {
  place = realpathSync(mkdtempSync(join(tmpdir(), 'edge-train-local-')));
  state = join(place, 'state');
  close = guard(state);
  mkdirSync(join(place, 'src'));
  writeFileSync(join(place, 'job.yml'), JOB);
  writeFileSync(join(place, 'src', 'train.py'), SCRIPT);
  writeFileSync(join(place, 'sample.csv'), 'a,b\n1,2\n3,4\n');
});
after(async () => {
  await close();
  rmSync(place, { recursive: true, force: true });
});

function local(...more: string[]): Running {
  const sample = ['--sample', `table=${join(place, 'sample.csv')}`, '--state', state];
  return startCommand(['run', join(place, 'job.yml'), '--local', ...sample, ...more]);
}

test('a job of another site trains on this machine with a sample; its log is shown, its outputs are brought', async () => {
  const outputs = join(place, 'out');
  const { exitCode, stdout, stderr } = await local('--outputs', outputs).ended;
  assert.equal(exitCode, 0, stdout + stderr);
  assert.match(stdout, /Sample: 1 file, 12 B for the input table/);
  assert.match(stdout, /^ {2}\| read 3 rows$/m);
  assert.match(stdout, /Model {4}local version 1/);
  assert.match(stdout, /The gate: each of the model’s files may leave/);
  assert.match(stdout, new RegExp(`sandbox stop --state ${state}`));
  assert.deepEqual(JSON.parse(readFileSync(join(outputs, 'model', 'model.json'), 'utf8')), { rows: 3 });
});

test('a script that fails says all that it said, and what it had written is brought', async () => {
  const outputs = join(place, 'failed');
  const { exitCode, stdout, stderr } = await local('--outputs', outputs, '--set', 'inputs.way=badly').ended;
  assert.equal(exitCode, 1, stdout + stderr);
  assert.match(stdout, /^ {2}\| KeyError: 'no such column'$/m);
  assert.match(stderr, /exit code 1/);
  assert.deepEqual(JSON.parse(readFileSync(join(outputs, 'model', 'model.json'), 'utf8')), { rows: 3 });
});

test('Ctrl-C cancels the run', async () => {
  const running = local('--set', 'inputs.way=long');
  let said = '';
  running.child.stdout?.on('data', (text: string) => (said += text));
  await until('the script says something', () => /\| read 3 rows/.test(said), 300);
  running.child.kill('SIGINT');
  const { exitCode, stdout } = await running.ended;
  assert.equal(exitCode, 130);
  const [, run = ''] = /^Cancelled: (\S+)\./m.exec(stdout) ?? [];
  const watched = await startCommand(['watch', run, '--json'], { env: { EDGE_TRAIN_CONFIG: state } }).ended;
  assert.equal((JSON.parse(watched.stdout) as { failure: { type: string } }).failure.type, 'Cancelled', watched.stdout);
});
