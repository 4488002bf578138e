import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { readPackageIndex } from '../../sandbox/package-index.ts';
import { ROOT } from '../e2e/product.ts';
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

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'edge-train-azure-'));
const python = join(folder, 'env', 'bin', 'python');

before(async () => {
  const { index } = await readPackageIndex();
  assert.ok(index, 'pip tells its index');
  const env = { ...process.env, UV_CACHE_DIR: join(folder, 'cache'), UV_NO_CONFIG: '1' };
  const uv = (...args: string[]) => run(join(ROOT, '.tools', 'uv'), args, { env });
  await uv('venv', '--quiet', '--python', 'python3', join(folder, 'env'));
  await uv('pip', 'install', '--quiet', '--python', python, '--index-url', index.url, REQUIREMENT);
});
after(() => rmSync(folder, { recursive: true }));

/** What Azure's reader makes of each file: its type, or why it refuses it. */
async function load(files: readonly string[]): Promise<Record<string, string>> {
  const { stdout } = await run(python, ['-W', 'ignore', '-c', LOADER, ...files], { maxBuffer: 2 ** 24 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, string>;
}

test('Azure ML’s own reader takes every job file that edge-train takes, and refuses one that is none', async () => {
  const files = [...jobs().keys()].map((name) => join(import.meta.dirname, name, 'job.yml'));
  const wrong = join(folder, 'job.yml');
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
