import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse as parseYaml } from 'yaml';
import { wantedMachine } from '../../activities/site/plan/compute.ts';
import { chooseEnvironment } from '../../activities/site/plan/environment.ts';
import type { SiteFile } from '../../domain/site-file.ts';
import { TrainModelInput } from '../../domain/train-model-input.ts';
import { parse, type Issue } from '../../domain/validation.ts';
import { OPERATORS } from './site.ts';

const site = { ...OPERATORS, computes: { 'cpu-cluster': {} } } as unknown as SiteFile;

/** A part of a job file, the path of its only fault, and the reason. */
const REFUSED: readonly (readonly [yaml: string, path: string, reason: RegExp])[] = [
  ['type: sweep', 'job.type', /what is tried stands in sweep/],
  ['type: pipeline', 'job.type', /start the command job of each step/],
  ['type: parallel', 'job.type', /one VM/],
  ['type: spark', 'job.type', /no Spark/],
  ['type: automl', 'job.type', /the data may not go there/],
  ['inputs: {d: {type: mltable, path: "azureml:x"}}', 'job.inputs.d.type', /read by Azure ML’s own service/],
  ['inputs: {d: {type: triton_model, path: "azureml:x"}}', 'job.inputs.d.type', /say custom_model/],
  ['inputs: {d: {path: "azureml:x", mode: eval_mount}}', 'job.inputs.d.mode', /it is for tables/],
  ['inputs: {d: {path: "azureml:x", mode: eval_download}}', 'job.inputs.d.mode', /it is for tables/],
  ['inputs: {d: {path: "azureml:x", mode: rw_mount}}', 'job.inputs.d.mode', /never writes to the site’s data/],
  ['inputs: {d: {path: "azureml:x", datastore: "azureml:y"}}', 'job.inputs.d.datastore', /nothing is uploaded/],
  ['inputs: {d: {path: "azureml:x", path_on_compute: /x}}', 'job.inputs.d.path_on_compute', /means nothing on site/],
  ['inputs: {d: {path: ../data/x.csv}}', 'job.inputs.d.path', /nothing of where the data is on site/],
  ['inputs: {d: {path: "https://x.example/y.csv"}}', 'job.inputs.d.path', /--input d=STORE\/PATH/],
  ['inputs: {d: {path: "wasbs://c@a.example/y"}}', 'job.inputs.d.path', /nothing of where the data is/],
  ['outputs: {o: {type: mltable}}', 'job.outputs.o.type', /read by Azure ML’s own service/],
  ['outputs: {o: {mode: direct}}', 'job.outputs.o.mode', /outputs are files here/],
  ['outputs: {o: {path: "azureml://datastores/x/paths/y"}}', 'job.outputs.o.path', /stay in the site’s own storage/],
  ['outputs: {o: {name: heart}}', 'job.outputs.o.name', /only the released model is registered/],
  ['outputs: {o: {version: 2}}', 'job.outputs.o.version', /its version is the next/],
  ['environment: {build: {path: .}}', 'job.environment.build', /no container image is built on site/],
  ['environment: {image: "python:3.11", os_type: windows}', 'job.environment.os_type', /are Linux/],
  ['environment: {image: "python:3.11", inference_config: {}}', 'job.environment.inference_config', /this job trains/],
  ['environment: {image: "python:3.11", datastore: x}', 'job.environment.datastore', /nothing is uploaded/],
  ['environment: {name: own}', 'job.environment', /neither an image nor a conda_file/],
  ['environment: {image: "ward.example/own:1"}', 'job.environment.image', /not known.*python:3\.x.*lean, lean:2/],
  ['environment: {image: "ubuntu:22.04"}', 'job.environment.image', /give a conda_file beside it/],
  ['environment: {image: "python:latest"}', 'job.environment.image', /says nothing of Python/],
  ['environment: {image: "mcr.microsoft.com/azureml/curated/tensorflow-2.16:1"}', 'job.environment.image', /maps lean/],
  ['environment: "azureml:tensorflow-2.16@latest"', 'job.environment', /it maps lean, lean:2, lightgbm-3\.3/],
  ['environment: "https://x.example"', 'job.environment', /no name of an environment/],
  [
    'environment: {image: "ward.example/own:1", conda_file: {dependencies: [python]}}',
    ...(['job.environment.image', /what this image holds is not known/] as const),
  ],
  [
    'environment: {conda_file: {dependencies: [cudatoolkit=11]}}',
    ...(['job.environment.conda_file.dependencies[0]', /not known to be the same in pip/] as const),
  ],
  [
    'environment: {conda_file: {dependencies: [{pip: ["-r requirements.txt"]}]}}',
    ...(['job.environment.conda_file.dependencies[0].pip[0]', /options, URLs and paths are refused/] as const),
  ],
  ['compute: azureml:gpu-cluster', 'job.compute', /this site’s computes are cpu-cluster/],
  ['compute: local', 'job.compute', /this site’s computes are cpu-cluster/],
  ['distribution: {type: ray}', 'job.distribution.type', /a job here has one VM/],
  [
    'distribution: {type: pytorch, process_count_per_instance: 4}',
    ...(['job.distribution.process_count_per_instance', /one process of a job/] as const),
  ],
  ['distribution: {type: tensorflow, worker_count: 2}', 'job.distribution.worker_count', /one process of a job/],
  [
    'distribution: {type: tensorflow, parameter_server_count: 1}',
    ...(['job.distribution.parameter_server_count', /second process/] as const),
  ],
  ['resources: {instance_count: 2}', 'job.resources.instance_count', /one VM trains one job/],
  ['resources: {max_instance_count: 2}', 'job.resources.max_instance_count', /one VM trains one job/],
  ['resources: {locations: [westeurope]}', 'job.resources.locations', /the site is where the job runs/],
  ['resources: {properties: {a: b}}', 'job.resources.properties', /configures cloud compute/],
  ['resources: {docker_args: "--gpus all"}', 'job.resources.docker_args', /no Docker runs on the VM/],
  ['resources: {shm_size: much}', 'job.resources.shm_size', /such as 2g/],
  ['identity: {type: managed}', 'job.identity', /holds no identity/],
  ['queue_settings: {job_tier: spot}', 'job.queue_settings', /one queue/],
  ['services: {lab: {type: jupyter_lab}}', 'job.services', /no port of a job can be reached/],
  ['properties: {a: b}', 'job.properties', /use tags/],
  ['parent_job_name: x', 'job.parent_job_name', /has no parent/],
  ['limits: {timeout: 60, max_trials: 3}', 'job.limits.max_trials', /unknown key/],
  ['comand: x', 'job.comand', /did you mean command/],
  ['command: "run ${{inputs.x}}"', 'job.command', /inputs\.x, which is not declared/],
  ['command: "run ${{search_space.x}}"', 'job.command', /neither an input nor an output/],
  ['code: src', 'code', /edge-train run uploads it/],
];

for (const [yaml, path, reason] of REFUSED) {
  test(`refused: ${yaml}`, () => {
    const issues = faults(parseYaml(yaml) as object);
    assert.deepEqual(
      issues.map((issue) => issue.path),
      [path],
    );
    assert.match(issues[0]?.rule ?? '', reason);
  });
}

/** What stops the job before anything is spent: its schema, else the site's plan. */
function faults(change: object): readonly Issue[] {
  const job = { command: 'run', environment: 'azureml:lean@latest', ...change };
  const parsed = parse(TrainModelInput, { site: 'demo', job, model: { name: 'm' } });
  if (!parsed.ok) return parsed.issues;
  return [...chooseEnvironment(site, parsed.value.job.environment).issues, ...wantedMachine(site, parsed.value).issues];
}

test('the same job without any of that is not refused', () => assert.deepEqual(faults({}), []));
