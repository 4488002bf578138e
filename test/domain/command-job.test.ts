import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandJob, fillCommand, literalText, placeholders } from '../../domain/command-job.ts';
import { parseDataAddress } from '../../domain/data-reference.ts';
import { CondaFile, curatedName, fromConda, Requirement } from '../../domain/environment.ts';

test('placeholders may have spaces, and are filled as text', () => {
  const command = 'run ${{inputs.a}} ${{ inputs.b }} -o ${{outputs.model}}';
  assert.deepEqual(placeholders(command), { inputs: ['a', 'b'], outputs: ['model'], unknown: [] });
  assert.equal(fillCommand(command, { inputs: { a: '1', b: '$&' }, outputs: { model: '/m' } }), 'run 1 $& -o /m');
});

test('literals become what Python’s str() makes of them', () => {
  assert.deepEqual([true, false, 0.2, 3, 'x y'].map(literalText), ['True', 'False', '0.2', '3', 'x y']);
});

test('both spellings of a curated environment are one name', () => {
  for (const spelling of [
    'azureml://registries/azureml/environments/sklearn-1.5/labels/latest',
    'azureml://registries/azureml/environments/sklearn-1.5/versions/27',
    'azureml:AzureML-sklearn-1.5@latest',
    'AzureML-sklearn-1.5:27',
    'azureml:sklearn-1.5@latest',
  ]) {
    assert.equal(curatedName(spelling), 'sklearn-1.5', spelling);
  }
  assert.equal(curatedName('https://example.invalid/x'), undefined);
});

test('a conda file’s Python and pip list are taken, other conda packages refused', () => {
  const conda = CondaFile.parse({
    name: 'env',
    channels: ['conda-forge'],
    dependencies: ['python=3.10', 'pip', { pip: ['scikit-learn==1.5.2', 'mlflow>=2.22,<3'] }],
  });
  assert.deepEqual(fromConda(conda), { python: '3.10', requirements: ['scikit-learn==1.5.2', 'mlflow>=2.22,<3'] });
  assert.equal(CondaFile.safeParse({ dependencies: ['cudatoolkit=11'] }).success, false);
});

test('requirements carry no option, URL or path', () => {
  for (const good of [
    'numpy',
    'numpy<2',
    'pandas~=1.5.3',
    'uvicorn[standard]>=0.3',
    'a==1.0; python_version < "3.12"',
  ]) {
    assert.equal(Requirement.safeParse(good).success, true, good);
  }
  for (const bad of [
    '--index-url https://x',
    '-e .',
    'x @ https://y/z.whl',
    './local',
    'a b',
    'a\n--pre',
    '',
    `a${'!'.repeat(290)}`,
    `a${'<1'.repeat(140)} ` + '$',
  ]) {
    assert.equal(Requirement.safeParse(bad).success, false, bad);
  }
});

test('data addresses: datastores in short and long form, assets, and nothing else', () => {
  const reference = { kind: 'store', reference: { store: 'hospital', path: 'a/b.csv' } };
  assert.deepEqual(parseDataAddress('azureml://datastores/hospital/paths/a/b.csv'), reference);
  assert.deepEqual(
    parseDataAddress('azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/hospital/paths/a/b.csv'),
    reference,
  );
  assert.deepEqual(parseDataAddress('azureml:wdbc:3'), { kind: 'asset', asset: 'wdbc:3' });
  for (const bad of [
    './data.csv',
    'https://x/y',
    'azureml://datastores/hospital/paths/../../etc/shadow',
    'azureml://datastores/h/paths/a/%2e%2e\u0000',
    'azureml://datastores/h/paths//etc',
    'wasbs://c@a/x',
  ]) {
    assert.equal(parseDataAddress(bad), undefined, bad);
  }
});

test('an ordinary job file of Azure ML is taken as it is', () => {
  const job = CommandJob.parse({
    $schema: 'https://azuremlschemas.azureedge.net/latest/commandJob.schema.json',
    type: 'command',
    display_name: 'd',
    experiment_name: 'exp',
    code: '../src',
    command: 'ls',
    inputs: { rate: 0.1, flag: true, data: { path: 'azureml:x@latest' } },
    outputs: { model: null },
    environment: { image: 'mcr.example/x', conda_file: 'conda.yml' },
    compute: 'azureml:cpu-cluster',
    limits: { timeout: 60 },
    tags: { a: 1 },
  });
  assert.deepEqual(job.inputs?.['data'], { type: 'uri_folder', path: 'azureml:x@latest', mode: 'ro_mount' });
});
