import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { TrainModelInput, type TrainModelRequest } from '../../domain/train-model-input.ts';
import { PlanFile, type TrainingPlan } from '../../domain/training-plan.ts';
import { findBlob, readText, replaceText } from '../../services/blob-storage.ts';
import { generateMachineKey, generateSigningKey, sha256 } from '../../services/signing.ts';
import { validInput } from '../domain/valid-input.ts';
import { startSite, type TestSite } from './site.ts';

let site: TestSite;
let runs = 0;
before(async () => {
  site = await startSite({ cores: 8 });
  await site.put('hospital', 'breast-cancer/wdbc.csv', 'radius,texture\n17.99,10.38\n');
  for (const name of ['a.csv', 'b/c.csv']) await site.put('hospital', `scans/${name}`, name);
  await site.put('hospital', 'scans-other/x', 'x');
});
after(() => site[Symbol.asyncDispose]());
beforeEach(() => site.configure());

it('is refused before anything where the run is to deploy its model and the site lets none serve', async () => {
  const deploying: Change = (input) => {
    input.deploy = 'site';
  };
  await assert.rejects(plan(deploying), { type: 'DeploymentsNotAllowed', class: 'policy', retryable: false });
  await site.configure({ deployments: { imageKeys: [generateSigningKey().publicKey] } });
  assert.equal((await plan(deploying)).model.name, validInput().model.name);
});

type Change = (input: TrainModelRequest) => void;
const plan = (change: Change = () => {}, run = `run-${++runs}`): Promise<TrainingPlan> => {
  const input = validInput();
  change(input);
  return site.activities.planTraining({
    input: TrainModelInput.parse(input),
    workflowId: 'train-demo',
    originalExecutionRunId: run,
  });
};
const refused = (change: Change, expected: { class?: string; message: RegExp }) =>
  assert.rejects(
    plan(change),
    (error: Error & { type: string; class: string; retryable: boolean; issues?: unknown[] }) => {
      assert.deepEqual([error.type, error.class, error.retryable], ['InvalidInput', expected.class ?? 'input', false]);
      assert.match(error.message, expected.message);
      assert.ok(error.issues && error.issues.length > 0);
      return true;
    },
  );

describe('a larger VM for a job that ran out of memory', () => {
  const growing: Change = (input) => {
    input.virtualMachine = { ...input.virtualMachine, onOutOfMemory: 'larger' };
  };

  it('is the next size that the site allows, under its own name, with more for the script; asking twice is once', async () => {
    const made = await plan(growing);
    assert.equal(made.virtualMachine.onOutOfMemory, 'larger');
    const larger = await site.activities.enlargeMachine(made);
    assert.equal(larger.virtualMachine.size.name, made.virtualMachine.larger);
    assert.notEqual(larger.virtualMachine.name, made.virtualMachine.name);
    assert.equal(larger.limits.memoryMiB, larger.virtualMachine.size.memoryMiB - 512);
    assert.deepEqual({ ...larger, virtualMachine: 0, limits: 0 }, { ...made, virtualMachine: 0, limits: 0 });
    assert.deepEqual(await site.activities.enlargeMachine(made), larger);
    // From now on this plan is the job's.
    await assert.rejects(site.activities.grantData({ plan: made, machineKey: generateMachineKey().publicKey }), {
      type: 'PlanForged',
    });
  });

  it('is refused where there is none, and to a plan that is not the site’s', async () => {
    let made = await plan(growing);
    await assert.rejects(site.activities.enlargeMachine({ ...made, limits: { ...made.limits, seconds: 1 } }), {
      type: 'PlanForged',
    });
    while (made.virtualMachine.larger) made = await site.activities.enlargeMachine(made);
    await assert.rejects(site.activities.enlargeMachine(made), { type: 'NoLargerMachine' });
  });

  it('keeps the name of a VM that has one of its own, with the size', async () => {
    const named = await plan((input) => {
      growing(input);
      input.virtualMachine = { ...input.virtualMachine, name: 'trainer' };
    });
    const larger = await site.activities.enlargeMachine(named);
    assert.equal(
      larger.virtualMachine.name,
      `trainer-${larger.virtualMachine.size.name.replace('Standard_', '').toLowerCase().replaceAll('_', '-')}`,
    );
    const largest = larger.virtualMachine.larger ? await site.activities.enlargeMachine(larger) : larger;
    assert.match(largest.virtualMachine.name, /^trainer-ds\d-v2$/);
  });
});

describe('a plan', () => {
  it('freezes names, paths in the cage, limits and the blobs with their etags', async () => {
    const made = await plan();
    assert.equal(made.command, 'python train.py --data /job/inputs/data/wdbc.csv --model /job/outputs/model');
    assert.equal(made.virtualMachine.name, 'demo-ds1-v2');
    assert.deepEqual(made.model, { name: 'breast-cancer', output: 'model', path: '', type: 'mlflow_model', tags: {} });
    assert.deepEqual(made.inputs[0], {
      name: 'data',
      type: 'uri_file',
      data: { store: 'hospital', path: 'breast-cancer/wdbc.csv' },
      files: 1,
      bytes: 27,
    });
    const text = await readText(site.blobs.container('runs'), `runs/${made.job}/plan.json`);
    const file = PlanFile.parse(JSON.parse(text ?? ''));
    assert.deepEqual(file.plan, made);
    assert.deepEqual(file.inputs[0]?.blobs, [
      await findBlob(site.blobs.container('hospital'), 'breast-cancer/wdbc.csv'),
    ]);
  });

  it('is the same for the same run, even when the data or the site changed since', async () => {
    const first = await plan(undefined, 'same');
    await site.put('hospital', 'breast-cancer/wdbc.csv', 'radius,texture\n17.99,10.38\n20.57,17.77\n');
    await site.configure({ release: { pickle: 'allow' } });
    assert.deepEqual(await plan(undefined, 'same'), first);
    const next = await plan(undefined, 'next');
    assert.notEqual(next.job, first.job);
    assert.equal(next.release.pickle, 'allow');
    assert.notEqual(next.siteFile, first.siteFile);
  });

  it('that someone else wrote into the run container is none', async () => {
    const first = await plan(undefined, 'forged');
    const path = `runs/${first.job}/plan.json`;
    const container = site.blobs.container('runs');
    const forged = (await readText(container, path))!.replace('breast-cancer/wdbc.csv', 'scans/a.csv');
    await replaceText(container, path, forged, 'application/json');
    assert.deepEqual(await plan(undefined, 'forged'), first);
    assert.notEqual(sha256((await readText(container, path))!), sha256(forged));
  });

  it('of a cancelled run is removed with all else that the run left, but for its log', async () => {
    const [cancelled, other] = [await plan(undefined, 'cancelled'), await plan(undefined, 'other')];
    for (const name of ['job.log', 'receipt.json', 'outputs/model/MLmodel', 'logs/job.log'])
      await site.put('runs', `runs/${cancelled.job}/${name}`, 'x');
    const discard = () => site.activities.discardRun({ workflowId: 'train-demo', originalExecutionRunId: 'cancelled' });
    await discard();
    await discard();
    const left: string[] = [];
    for await (const { name } of site.blobs.container('runs').listBlobsFlat())
      if (name.includes(cancelled.job) || name.includes(other.job)) left.push(name);
    assert.deepEqual(
      left.sort(),
      [`runs/${cancelled.job}/job.log`, `runs/${other.job}/plan.json`, `runs/${other.job}/plan.sig.json`].sort(),
    );
  });

  it('sets a folder’s path, literals as Python prints them, and what --input says', async () => {
    const made = await plan((input) => {
      input.job.command =
        'run ${{inputs.scans}} ${{ inputs.rate }} ${{inputs.flag}} ${{inputs.data}} ${{outputs.default}}';
      input.job.inputs = {
        ...input.job.inputs,
        scans: { type: 'uri_folder', path: 'https://elsewhere/x' },
        rate: 0.5,
        flag: true,
      };
      input.data = { scans: { store: 'hospital', path: 'scans' } };
    });
    assert.equal(made.command, 'run /job/inputs/scans 0.5 True /job/inputs/data/wdbc.csv /job/outputs/default');
    assert.deepEqual(
      made.inputs.map(({ name, files, bytes }) => [name, files, bytes]),
      [
        ['data', 1, made.inputs[0]!.bytes],
        ['scans', 2, 12],
      ],
    );
  });

  it('takes an asset of the site’s map, an inline conda file, and the tighter of two time limits', async () => {
    await site.configure({ limits: { maxSeconds: 3600 } });
    const made = await plan((input) => {
      input.job.inputs = { data: { type: 'uri_file', path: 'azureml:tumours@latest' } };
      input.job.environment = {
        name: 'own',
        conda_file: { dependencies: ['python=3.11', { pip: ['scikit-learn', 'numpy<2'] }] },
      };
      input.job.limits = { timeout: 86_400 };
      input.job.compute = 'azureml:cpu-cluster';
      input.job.resources = { shm_size: '64m' };
    });
    assert.equal(made.inputs[0]?.data.path, 'breast-cancer/wdbc.csv');
    assert.deepEqual(made.environment.requirements, ['numpy<2', 'scikit-learn']);
    assert.equal(made.limits.seconds, 3600);
    assert.equal(made.limits.sharedMemoryMiB, 64);
    assert.equal(made.run.tags['job-file.compute'], 'azureml:cpu-cluster');
  });

  it('takes a compute of the cloud as what the site says it is, unless the training says it itself', async () => {
    const size = async (change: Change) => (await plan(change)).virtualMachine.size.name;
    assert.equal(await size((input) => void (input.job.compute = 'azureml:big-cluster')), 'Standard_DS2_v2');
    assert.equal(await size((input) => void (input.job.compute = 'cpu-cluster')), 'Standard_DS1_v2');
    assert.equal(
      await size((input) => {
        input.job.compute = 'gpu-cluster';
        input.virtualMachine = { size: 'Standard_DS2_v2' };
      }),
      'Standard_DS2_v2',
    );
  });

  it('gives the script a direct input’s address in the cage, and a model that is one file as that file', async () => {
    const made = await plan((input) => {
      input.job.command = 'run ${{inputs.data}} ${{inputs.model}} $[[--more ${{inputs.more}}]]';
      input.job.inputs = {
        data: { type: 'uri_file', path: 'azureml:tumours', mode: 'direct' },
        model: { type: 'custom_model', path: 'azureml://datastores/hospital/paths/scans/a.csv' },
      };
    });
    assert.equal(made.command, 'run file:///job/inputs/data/wdbc.csv /job/inputs/model/a.csv ');
  });

  it('finds the model where model.path says', async () => {
    const of = async (path: string | undefined, outputs: TrainModelRequest['job']['outputs']) => {
      const { model } = await plan((input) => {
        input.job.command = 'train';
        input.job.outputs = outputs;
        if (path !== undefined) input.model.path = path;
      });
      return [model.output, model.path, model.type];
    };
    assert.deepEqual(await of(undefined, undefined), ['default', '', 'custom_model']);
    assert.deepEqual(await of('outputs/model', undefined), ['default', 'model', 'custom_model']);
    assert.deepEqual(await of('./outputs/deep/er/', undefined), ['default', 'deep/er', 'custom_model']);
    assert.deepEqual(await of('model/best', { model: { type: 'mlflow_model' }, other: null }), [
      'model',
      'best',
      'mlflow_model',
    ]);
  });
});

describe('an input is refused before anything is made', () => {
  const cases: [string, Change, { class?: string; message: RegExp }][] = [
    ['another site', (input) => void (input.site = 'other'), { message: /site: this worker serves the site demo/ }],
    [
      'data that is not there',
      (input) =>
        void (input.job.inputs = {
          data: { type: 'uri_file', path: 'azureml://datastores/hospital/paths/nowhere.csv' },
        }),
      { class: 'data', message: /job\.inputs\.data: is not there.*hospital\/nowhere\.csv/ },
    ],
    [
      'a folder that is said to be a file',
      (input) =>
        void (input.job.inputs = { data: { type: 'uri_file', path: 'azureml://datastores/hospital/paths/scans' } }),
      { class: 'data', message: /is a folder here/ },
    ],
    [
      'a file that is said to be a folder',
      (input) =>
        void (input.job.inputs = {
          data: { type: 'uri_folder', path: 'azureml://datastores/hospital/paths/scans/a.csv' },
        }),
      { class: 'data', message: /is a file here/ },
    ],
    [
      'a store that the site has not',
      (input) => void (input.job.inputs = { data: { type: 'uri_file', path: 'azureml://datastores/other/paths/x' } }),
      { class: 'data', message: /it has hospital/ },
    ],
    [
      'an asset of a stated version',
      (input) => void (input.job.inputs = { data: { type: 'uri_file', path: 'azureml:tumours:3' } }),
      { class: 'data', message: /no data asset of this site; dataAssets of site\.yml has tumours/ },
    ],
    [
      'an environment that nobody mapped',
      (input) => void (input.job.environment = 'azureml:tensorflow-2.16@latest'),
      { message: /job\.environment: .*lightgbm-3\.3, sklearn-1\.5/ },
    ],
    [
      'a size that the site lacks',
      (input) => void (input.virtualMachine = { size: 'Standard_DS4_v2' }),
      { message: /does not offer Standard_DS4_v2; these would do: Standard_DS1_v2, Standard_DS2_v2/ },
    ],
    [
      'a compute that the site has not',
      (input) => void (input.job.compute = 'azureml:gpu-cluster'),
      { message: /job\.compute: this site’s computes are big-cluster, cpu-cluster/ },
    ],
    [
      'a GPU',
      (input) => void (input.job.resources = { instance_type: 'Standard_NC4as_T4_v3' }),
      { message: /job\.resources\.instance_type: .*GPU/ },
    ],
    [
      'a size too small for its shared memory',
      (input) => void Object.assign(input.job, { resources: { instance_type: 'Standard_DS1_v2', shm_size: '3g' } }),
      { message: /Standard_DS1_v2 has 3584 MiB.*Standard_DS2_v2/ },
    ],
    [
      'two models',
      (input) => void (input.job.outputs = { model: { type: 'mlflow_model' }, other: { type: 'custom_model' } }),
      { message: /model\.path: is required: 2 outputs are models.*model, other/ },
    ],
    [
      'outputs of which none is a model',
      (input) => void (input.job.outputs = { model: null }),
      { message: /model\.path: is required.*default is \.\/outputs/ },
    ],
    [
      'a model path that climbs',
      (input) => void (input.model.path = 'model/../..'),
      { message: /model\.path: must be OUTPUT/ },
    ],
    [
      'a model path to no output',
      (input) => void (input.model.path = 'nowhere'),
      { message: /names no output of the job; these would do: model, default, outputs/ },
    ],
  ];
  for (const [name, change, expected] of cases) it(name, () => refused(change, expected));

  it('telling all faults at once', () =>
    refused(
      (input) => {
        input.job.inputs = { data: { type: 'uri_file', path: 'azureml://datastores/hospital/paths/nowhere.csv' } };
        input.job.environment = 'azureml:unknown@latest';
        input.virtualMachine = { size: 'Standard_DS4_v2' };
        input.model.path = 'nowhere';
      },
      { message: /job\.environment[^]*model\.path[^]*virtualMachine\.size[^]*job\.inputs\.data/ },
    ));

  it('blobs whose names cannot be files', async () => {
    await site.put('hospital', 'odd/a//b', 'x');
    await site.put('hospital', 'clash/a', 'x');
    await site.put('hospital', 'clash/a/b', 'x');
    const folder =
      (path: string): Change =>
      (input) =>
        void (input.job.inputs = { data: { type: 'uri_folder', path: `azureml://datastores/hospital/paths/${path}` } });
    await refused(folder('odd'), { class: 'data', message: /name cannot be a file’s/ });
    await refused(folder('clash'), { class: 'data', message: /a file and a folder at once/ });
  });

  it('and no VM, plan or message of ARM beyond reading comes of it', async () => {
    const audit = await site.fixture.admin<{ method: string }[]>('GET', '/requests?front=stack-hub');
    assert.deepEqual(new Set(audit.map(({ method }) => method)), new Set(['GET', 'POST'])); // POST: tokens and listKeys
    assert.equal(site.machines.specs.size, 0);
  });
});

describe('a site in trouble', () => {
  it('without quota is class quota, and says what to do', async () => {
    const small = await startSite({ cores: 0 });
    try {
      await small.put('hospital', 'breast-cancer/wdbc.csv', 'x');
      const request = { input: TrainModelInput.parse(validInput()), workflowId: 'w', originalExecutionRunId: 'r' };
      await assert.rejects(small.activities.planTraining(request), {
        class: 'quota',
        type: 'QuotaExceeded',
        retryable: false,
        message: /0 more cores, and Standard_DS1_v2 has 1/,
      });
    } finally {
      await small[Symbol.asyncDispose]();
    }
  });

  it('with a broken file, a missing key or a wrong secret says which, at the next attempt', async () => {
    await site.configure({ receiptKey: 'file:/nowhere/receipt.key' });
    await assert.rejects(plan(), { type: 'SecretUnavailable', message: /receipt\.key/ });
    await site.configure({ sizes: [] });
    await assert.rejects(plan(), { type: 'InvalidConfiguration', class: 'policy' });
    await site.configure({ dataStores: { hospital: { account: 'sitedata', container: 'nowhere' } } });
    await refused(() => {}, { class: 'data', message: /hospital/ });
    await site.configure();
    await plan();
  });
});

describe('a sweep', () => {
  const sweep: Change = (input) => {
    input.job.command += ' --rate ${{search_space.rate}}';
    input.sweep = {
      search_space: { rate: { type: 'uniform', min_value: 0, max_value: 1 } },
      sampling_algorithm: 'random',
      objective: { goal: 'maximize', primary_metric: 'accuracy' },
      limits: { max_total_trials: 3, max_concurrent_trials: 2 },
    };
  };
  const request = (change: Change, run: string) => {
    const input = validInput();
    sweep(input);
    change(input);
    return { input: TrainModelInput.parse(input), workflowId: 'train-demo', originalExecutionRunId: run };
  };
  const planSweep = (change: Change = () => {}, run = 'sweep') => site.activities.planSweep(request(change, run));

  it('draws the same points for the same run and others for another, and keeps no plan', async () => {
    const made = await planSweep();
    assert.deepEqual(
      made.trials.map(({ number }) => number),
      [1, 2, 3],
    );
    assert.equal(made.concurrent, 2);
    assert.deepEqual(await planSweep(), made);
    const other = await planSweep(undefined, 'another');
    assert.notEqual(other.job, made.job);
    assert.notDeepEqual(other.trials, made.trials);
    assert.equal(await readText(site.blobs.container('runs'), `runs/${made.job}/plan.json`), undefined);
  });

  it('says how many points of a grid are left out', async () => {
    const made = await planSweep(({ sweep }) => {
      sweep!.search_space = { rate: { type: 'choice', values: [1, 2, 3, 4] } };
      sweep!.sampling_algorithm = 'grid';
    });
    assert.deepEqual([made.trials.length, made.points], [3, 4]);
    assert.deepEqual(made.trials[2]?.parameters, { rate: '3' });
  });

  it('is refused for what its trials would be refused for', async () => {
    await assert.rejects(
      planSweep(({ job }) => (job.environment = 'azureml:absent@latest')),
      (error: Error & { type: string }) => error.type === 'InvalidInput' && /job\.environment/.test(error.message),
    );
  });

  it('is refused where its policy could hear nothing of its trials', async () => {
    const early: Change = ({ sweep }) => (sweep!.early_termination = { type: 'median_stopping' });
    assert.equal((await planSweep(early, 'early')).trials.length, 3);
    await site.configure({ release: { tracking: { metrics: { names: ['loss'] } } } });
    await assert.rejects(
      planSweep(early, 'early'),
      /sweep\.early_termination: cannot be: the site lets no value of accuracy/,
    );
    await planSweep(undefined, 'early');
    await site.configure();
  });

  it('has trials with their parameters, names and VMs of their own', async () => {
    const parameters = { rate: '0.25' };
    const trial = { number: 2, slot: 2, parentRun: 'p', parameters };
    const made = await site.activities.planTraining({ ...request(() => {}, 'trial-2'), trial });
    assert.match(made.command, / --model \/job\/outputs\/model --rate 0\.25$/);
    assert.equal(made.virtualMachine.name, 'demo-ds1-v2-2');
    assert.match(made.run.displayName, /^breast-cancer-[0-9a-f]{8}-2$/);
    assert.deepEqual(made.trial, trial);
    const named = request((input) => (input.virtualMachine = { name: 'trainer' }), 'trial-3');
    const first = await site.activities.planTraining({ ...named, trial: { ...trial, slot: 1 } });
    assert.equal(first.virtualMachine.name, 'trainer');
  });
});
