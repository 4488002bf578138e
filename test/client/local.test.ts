import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CommandError, type Fault } from '../../client/command-error.ts';
import { readTraining } from '../../client/files/read-training.ts';
import { onSandbox } from '../../client/local/on-sandbox.ts';
import { readSample, type Sample } from '../../client/local/samples.ts';
import type { TrainModelInput } from '../../domain/train-model-input.ts';
import { command, folder } from './command.ts';

const JOB = `command: python train.py \${{inputs.table}} \${{inputs.images}} \${{outputs.model}}
environment: azureml:sklearn-1.5@latest
compute: azureml:gpu-cluster
resources: {instance_type: Standard_NC6, shm_size: 1g}
inputs:
  table: {type: uri_file, path: azureml://datastores/clinic/paths/a/b.csv}
  images: {type: uri_folder, path: ./pictures}
outputs:
  model: {type: custom_model}
`;
const DEFAULTS = { defaults: { site: 'demo', model: 'local' }, input: [] };

function job(t: TestContext, text = JOB): string {
  const place = folder(t, { 'job.yml': text, 'table.csv': 'a,b\n1,2\n' });
  mkdirSync(join(place, 'pictures', 'deep'), { recursive: true });
  writeFileSync(join(place, 'pictures', 'deep', 'one.png'), '1');
  writeFileSync(join(place, 'pictures', 'two.png'), '2');
  return place;
}

async function adapted(place: string, given: string[]): Promise<{ input: TrainModelInput; samples: Sample[] }> {
  const samples: Sample[] = [];
  const training = await readTraining(join(place, 'job.yml'), DEFAULTS, onSandbox(given, samples));
  return { input: training.toInput(undefined), samples };
}

async function faultsOf(place: string, given: string[]): Promise<readonly Fault[]> {
  return adapted(place, given).then(
    () => [],
    (error: unknown) => {
      assert.ok(error instanceof CommandError, String(error));
      return error.faults;
    },
  );
}

test('a job of any site becomes one of the sandbox: samples for its data, its compute and VM size left out', async (t) => {
  const place = job(t);
  const { input, samples } = await adapted(place, [`table=${place}/table.csv`]);
  const [table, images] = samples;
  assert.equal(input.site, 'demo');
  assert.equal(input.model.name, 'local');
  assert.equal(input.job.compute, undefined);
  assert.deepEqual(input.job.resources, { shm_size: '1g' });
  assert.match(input.data['table']?.path ?? '', /^[0-9a-f]{20}\/table\.csv$/);
  assert.equal(input.data['table']?.store, 'samples');
  // A path beside the job file is a sample by itself, as Azure ML would upload it.
  assert.match(input.data['images']?.path ?? '', /^[0-9a-f]{20}$/);
  assert.deepEqual(
    images?.files.map(({ blob }) => blob.replace(images.reference.path, 'X')),
    ['X/deep/one.png', 'X/two.png'],
  );
  assert.deepEqual([table?.bytes, images?.bytes], [8, 2]);
});

test('the same content has the same place, and other content or names another', async (t) => {
  const place = job(t);
  const at = async () => {
    const sample = await readSample({ name: 'images', type: 'uri_folder' }, join(place, 'pictures'));
    assert.ok('reference' in sample);
    return sample.reference.path;
  };
  const before = await at();
  assert.equal(await at(), before);
  writeFileSync(join(place, 'pictures', 'two.png'), '3');
  const changed = await at();
  assert.notEqual(changed, before);
  symlinkSync('two.png', join(place, 'pictures', 'three.png'));
  assert.notEqual(await at(), changed);
});

test('what cannot stand in for an input is told by its path, every fault at once', async (t) => {
  const place = job(t);
  const rules = async (...given: string[]) =>
    (await faultsOf(place, given)).map(({ path, rule }) => `${path}: ${rule}`);
  assert.deepEqual(await rules(), ['inputs.table: is not in the sandbox: give --sample table=PATH']);
  assert.deepEqual(await rules('table', 'other=x', `table=${place}/no`, 'table=x'), [
    '--sample: must be NAME=PATH',
    '--sample table: is given twice',
    '--sample other: is not a data input of the job',
    '--sample table: is neither a file nor a folder of this machine',
  ]);
  assert.deepEqual(await rules(`table=${place}/pictures`), [
    '--sample table: is a folder, and the input is a uri_file',
  ]);
  mkdirSync(join(place, 'empty'));
  assert.deepEqual(await rules(`table=${place}/table.csv`, `images=${place}/empty`), [
    '--sample images: is a folder without a file',
  ]);
  writeFileSync(join(place, 'pictures', 'a\\b'), '');
  const [odd] = await rules(`table=${place}/table.csv`);
  assert.match(odd ?? '', /^inputs\.images\.path: holds a file whose name no blob can have/);
});

test('run --local refuses before it starts anything, and its options are refused without it', async (t) => {
  const place = job(t);
  const state = join(place, 'state');
  const refused = await command(['run', join(place, 'job.yml'), '--local', '--state', state]);
  assert.equal(refused.exitCode, 2);
  assert.match(refused.stderr, /inputs\.table: is not in the sandbox/);
  assert.ok(!existsSync(join(state, 'sandbox')));
  const astray = await command(['run', join(place, 'job.yml'), '--sample', 'table=x', '--outputs', 'y']);
  assert.equal(astray.exitCode, 2);
  assert.match(astray.stderr, /--sample: is for --local[\s\S]*--outputs: is for --local/);
  const both = await command(['run', join(place, 'job.yml'), '--local', '--site', 'demo']);
  assert.equal(both.exitCode, 2);
});
