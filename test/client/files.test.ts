import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDocument } from 'yaml';
import { findConfig } from '../../client/config/find-config.ts';
import { pathSegments } from '../../client/files/path-segments.ts';
import { keepPythonLiterals } from '../../client/files/python-literals.ts';
import { readTraining } from '../../client/files/read-training.ts';
import { outdatedSchemas } from '../../client/schemas.ts';
import { workflowIdOf } from '../../client/temporal/start-training.ts';
import { folder, JOB, training } from './command.ts';

const NO_CODE = JOB.replace('code: src\n', '');
const CODE = { digest: 'a'.repeat(64), bytes: 10, files: 1 };

test('numbers reach the script as Python writes them', () => {
  const document = parseDocument(
    'inputs: {a: 1.0, b: 0.5, c: 1e-5, d: 12345678901234567890, e: 3, f: 1e16, g: -0.0, h: 0x10, i: "1.0"}\n',
  );
  keepPythonLiterals(document);
  // Python 3: [str(x) for x in (1.0, 0.5, 1e-5, 12345678901234567890, 3, 1e16, -0.0, 0x10, '1.0')]
  assert.deepEqual(document.toJS(), {
    inputs: { a: '1.0', b: 0.5, c: '1e-05', d: '12345678901234567890', e: 3, f: '1e+16', g: '-0.0', h: 16, i: '1.0' },
  });
});

test('paths of the schemas lead back into the file', () => {
  assert.deepEqual(pathSegments('a.b[0].c'), ['a', 'b', 0, 'c']);
  assert.deepEqual(pathSegments('tags["odd . key"].x'), ['tags', 'odd . key', 'x']);
});

test('a training.yml and its job file become one input', async (t) => {
  const place = folder(t, training(1));
  const read = await readTraining(join(place, 'training.yml'), { input: [], after: 'delete' });
  assert.equal(read.codeFolder, join(place, 'src'));
  const input = read.toInput(CODE);
  assert.deepEqual([input.site, input.model.name, input.virtualMachine.after], ['demo', 'heart', 'delete']);
  assert.deepEqual(input.code, CODE);
});

test('where the new version is to serve is said by the file or by the flag, and by no flag for nowhere', async (t) => {
  const place = folder(t, training(1));
  const { 'training.yml': text = '' } = training(1);
  const own = folder(t, { ...training(1), 'training.yml': `${text}deploy: site\n` });
  const deployed = async (...[file, flags]: Parameters<typeof readTraining>) =>
    (await readTraining(file, flags)).toInput(CODE).deploy;
  assert.equal(await deployed(join(place, 'training.yml'), { input: [] }), undefined);
  assert.equal(await deployed(join(place, 'training.yml'), { input: [], deploy: 'site' }), 'site');
  assert.equal(await deployed(join(own, 'training.yml'), { input: [] }), 'site');
  const flags = { site: 'demo', model: 'heart', input: [] };
  assert.equal(await deployed(join(place, 'job.yml'), { ...flags, deploy: 'site' }), 'site');
  const wrong = folder(t, { ...training(1), 'training.yml': `${text}deploy: everywhere\n` });
  await assert.rejects(readTraining(join(wrong, 'training.yml'), { input: [] }), (error: { faults?: unknown[] }) => {
    assert.match(JSON.stringify(error.faults), /"path":"deploy"/);
    return true;
  });
});

test('a job file alone needs the flags and gives the same input, so the same run', async (t) => {
  const place = folder(t, training(1));
  const one = await readTraining(join(place, 'training.yml'), { input: [] });
  const other = await readTraining(join(place, 'job.yml'), { site: 'demo', model: 'heart', input: [] });
  assert.deepEqual(other.toInput(CODE), one.toInput(CODE));
  assert.equal(workflowIdOf(other.toInput(CODE)), workflowIdOf(one.toInput(CODE)));
  assert.match(workflowIdOf(one.toInput(CODE)), /^train-demo-heart-[0-9a-f]{12}$/);
});

test('the conda file’s content takes the place of its name, read beside the job file', async (t) => {
  const environment = 'environment: {conda_file: env/conda.yml}\n';
  const place = folder(t, {
    'job.yml': NO_CODE.replace(/environment: .*\n/, environment),
    'env/conda.yml': 'dependencies: [python=3.11, {pip: [pandas]}]\n',
  });
  const read = await readTraining(join(place, 'job.yml'), { site: 'demo', model: 'heart', input: [] });
  assert.deepEqual(read.toInput(undefined).job.environment, {
    conda_file: { dependencies: ['python=3.11', { pip: ['pandas'] }] },
  });
});

test('--input says where data is that the job file has by a URL', async (t) => {
  const place = folder(t, {
    'job.yml': NO_CODE.replace('azureml://datastores/hospital/paths/a/b.csv', 'https://x.example/b'),
  });
  const read = await readTraining(join(place, 'job.yml'), {
    site: 'demo',
    model: 'heart',
    input: ['data=hospital/a=b.csv'],
  });
  assert.deepEqual(read.toInput(undefined).data, { data: { store: 'hospital', path: 'a=b.csv' } });
});

test('the configuration is the named folder, else the nearest .edge-train upward, else the home’s', (t) => {
  const place = folder(t, {
    'p/.edge-train/client.yml': '',
    'p/q/x': '',
    'home/.config/edge-train/client.yml': '',
    'o/client.yml': '',
  });
  const at = (...parts: string[]) => join(place, ...parts);
  assert.equal(findConfig(undefined, at('p', 'q'), at('home')), at('p', '.edge-train'));
  assert.equal(findConfig(undefined, at('o'), at('home')), at('home', '.config', 'edge-train'));
  assert.equal(findConfig('o', place, at('home')), at('o'));
  assert.throws(() => findConfig('q', place, at('home')), /not there/);
});

test('schemas/ is as the domain has it (node client/schemas.ts writes it)', () => {
  assert.deepEqual(outdatedSchemas(), []);
});
