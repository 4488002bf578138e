import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandJob } from '../../domain/command-job.ts';
import { fillCommand, literalText, placeholders } from '../../domain/command-text.ts';
import { CondaFile, fromConda } from '../../domain/conda-file.ts';
import { parseDataAddress } from '../../domain/data-reference.ts';
import { distributionVariables } from '../../domain/distribution.ts';
import { environmentName, Requirement } from '../../domain/environment.ts';
import { knownImage } from '../../domain/known-images.ts';

test('placeholders may have spaces, and are filled as text', () => {
  const command = 'run ${{inputs.a}} ${{ inputs.b }} -o ${{outputs.model}}';
  assert.deepEqual(placeholders(command), { inputs: ['a', 'b'], outputs: ['model'], parameters: [], unknown: [] });
  assert.equal(fillCommand(command, { inputs: { a: '1', b: '$&' }, outputs: { model: '/m' } }), 'run 1 $& -o /m');
});

test('an optional part of a command stays when its inputs are given, and goes when one is not', () => {
  const command = 'run $[[--a ${{inputs.a}}]]$[[ --b ${{ inputs.b }}\n --c ${{inputs.c}} ]] -o ${{outputs.o}} $[[-v]]';
  assert.deepEqual(placeholders(command), { inputs: [], outputs: ['o'], parameters: [], unknown: [] });
  const fill = (inputs: Record<string, string>) => fillCommand(command, { inputs, outputs: { o: '/o' } });
  assert.equal(fill({ a: '1', b: ']]' }), 'run --a 1 -o /o -v');
  assert.equal(fill({ b: ']]', c: '$[[' }), 'run  --b ]]\n --c $[[  -o /o -v');
  assert.equal(placeholders('if [[ -f ${{inputs.x}} ]]; then').inputs[0], 'x');
});

test('literals become what Python’s str() makes of them', () => {
  assert.deepEqual([true, false, 0.2, 3, 'x y'].map(literalText), ['True', 'False', '0.2', '3', 'x y']);
});

test('every spelling of an environment is a name and perhaps a version', () => {
  for (const spelling of [
    'azureml://registries/azureml/environments/sklearn-1.5/labels/latest',
    'azureml:AzureML-sklearn-1.5@latest',
    'azureml:sklearn-1.5@latest',
    'AzureML-sklearn-1.5',
  ]) {
    assert.deepEqual(environmentName(spelling), { name: 'sklearn-1.5' }, spelling);
  }
  const workspace =
    '/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/environments';
  for (const spelling of [
    'azureml://registries/azureml/environments/sklearn-1.5/versions/27',
    'AzureML-sklearn-1.5:27',
    'azureml:sklearn-1.5:27',
    `azureml:${workspace}/sklearn-1.5/versions/27`,
  ]) {
    assert.deepEqual(environmentName(spelling), { name: 'sklearn-1.5', version: '27' }, spelling);
  }
  assert.equal(environmentName('https://example.invalid/x'), undefined);
  assert.equal(environmentName('azureml://registries/azureml/models/x/versions/1'), undefined);
});

test('an image is known by whoever publishes it, and no other is', () => {
  assert.deepEqual(knownImage('mcr.microsoft.com/azureml/curated/sklearn-1.5:27'), {
    ...{ kind: 'curated', name: 'sklearn-1.5', version: '27' },
  });
  for (const image of [
    'python:3.11',
    'docker.io/library/python:3.11-slim',
    'python:3.11.4@sha256:00',
    'library/python:3.11',
  ])
    assert.deepEqual(knownImage(image), { kind: 'python', python: '3.11' }, image);
  for (const image of [
    'mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest',
    'continuumio/miniconda3',
    'python:3',
  ])
    assert.deepEqual(knownImage(image), { kind: 'base' }, image);
  for (const image of ['', 'evil.example/python:3.11', 'python/3.11', 'mcr.microsoft.com/other/base', 'python:3.11\n'])
    assert.equal(knownImage(image), undefined, image);
});

test('a conda package that pip has under the same name is taken with its bounds', () => {
  const of = (...dependencies: unknown[]) => fromConda(CondaFile.parse({ dependencies }));
  assert.deepEqual(
    of('python>=3.8', 'pip=21.2', 'numpy=1.21.2', 'pandas>=1.1,<1.2', 'scipy=1.*', 'pytorch==2.1', 'tqdm', {
      pip: ['mlflow'],
    }),
    {
      python: '3.11',
      requirements: ['numpy==1.21.2.*', 'pandas>=1.1,<1.2', 'scipy==1.*', 'torch==2.1', 'tqdm', 'mlflow'],
    },
  );
  assert.deepEqual([of('python=3.8.5').python, of('python>=3.12').python, of('pip').python], ['3.8', '3.12', '3.11']);
  for (const requirement of of('numpy=1.21.2', 'scipy=1.*').requirements) Requirement.parse(requirement);
  for (const other of ['cudatoolkit=11', 'conda-forge::numpy', 'numpy=1.21=py38h1', 'git+https://x/y'])
    assert.equal(CondaFile.safeParse({ dependencies: [other] }).success, false, other);
});

test('a group of one process gets what its framework reads', () => {
  assert.equal(distributionVariables({ type: 'pytorch' })['WORLD_SIZE'], '1');
  assert.equal(distributionVariables({ type: 'mpi' })['OMPI_COMM_WORLD_RANK'], '0');
  const config = JSON.parse(distributionVariables({ type: 'tensorflow' })['TF_CONFIG'] ?? '') as { task: unknown };
  assert.deepEqual(config.task, { type: 'worker', index: 0 });
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
  for (const asset of [
    'azureml:wdbc:3',
    'azureml://locations/westeurope/workspaces/w/data/wdbc/versions/3',
    'azureml://registries/hospital/data/wdbc/versions/3',
    'azureml:/subscriptions/s/resourceGroups/g/providers/p/workspaces/w/data/wdbc/versions/3',
  ]) {
    assert.deepEqual(parseDataAddress(asset), { kind: 'asset', asset: 'wdbc:3' }, asset);
  }
  assert.deepEqual(parseDataAddress('azureml://registries/r/models/m/labels/latest'), {
    ...{ kind: 'asset', asset: 'm@latest' },
  });
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
