import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Python } from '../support/python.ts';
import { jobs } from './site.ts';

/** Azure's own reader of job files, in a Python environment that goes with the test. */
const REQUIREMENT = 'azure-ai-ml==1.35.2';
const LOADER = `
import json, sys
from azure.ai.ml import load_job
answers = {}
for file in sys.argv[1:]:
    try:
        answers[file] = load_job(file).type
    except Exception as error:
        answers[file] = str(error)
print(json.dumps(answers))
`;

const python = new Python();
before(() => python.install(REQUIREMENT));
after(() => python.remove());

/** What Azure's reader makes of each file: its type, or why it refuses it. */
const load = async (files: readonly string[]) => (await python.ask(LOADER, ...files)) as Record<string, string>;

test('Azure ML’s own reader takes every job file that edge-train takes, and refuses one that is none', async () => {
  const files = [...jobs().keys()].map((name) => join(import.meta.dirname, name, 'job.yml'));
  const wrong = join(python.folder, 'job.yml');
  writeFileSync(
    wrong,
    'command: ls\nenvironment: {image: "python:3.11"}\ninputs: {x: {type: uri_fil, path: azureml:x}}\n',
  );
  const { [wrong]: refused = '', ...answers } = await load([...files, wrong]);
  assert.ok(files.length > 15);
  const typeOf = (file: string) => /^type: (\w+)/m.exec(readFileSync(file, 'utf8'))?.[1] ?? 'command';
  assert.deepEqual(answers, Object.fromEntries(files.map((file) => [file, typeOf(file)])));
  assert.ok(Object.values(answers).includes('sweep'));
  assert.match(refused, /Validation for CommandJobSchema failed/);
});
