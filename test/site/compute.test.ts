import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wantedMachine } from '../../activities/site/plan/compute.ts';
import { Compute, computeName } from '../../domain/compute.ts';
import type { SiteFile } from '../../domain/site-file.ts';
import { TrainModelInput, type TrainModelRequest } from '../../domain/train-model-input.ts';
import { validInput } from '../domain/valid-input.ts';

const computes = {
  any: {},
  small: { size: 'Standard_DS1_v2' },
  shared: { virtualMachine: 'ward-3' },
  lab: { host: 'lab-1' },
};

/** What the site makes of a job, by its own words: `undefined` where it refuses. */
function wanted(job: object, virtualMachine?: TrainModelRequest['virtualMachine'], map: object = computes) {
  const input = validInput();
  const request = { ...input, job: { ...input.job, ...job }, ...(virtualMachine ? { virtualMachine } : {}) };
  return wantedMachine({ computes: map } as SiteFile, TrainModelInput.parse(request));
}

test('a compute is named in any of Azure’s ways', () => {
  for (const text of ['any', 'azureml:any', 'azureml:/subscriptions/s/resourceGroups/g/workspaces/w/computes/any'])
    assert.equal(computeName(text), 'any', text);
});

test('a compute of the cloud is what the site says: a size, a VM, a host, or whatever will do', () => {
  const of = (compute: string) => wanted({ compute }).value;
  assert.deepEqual(of('azureml:any'), { sizeAt: 'job.resources.instance_type' });
  assert.deepEqual(of('small'), { size: 'Standard_DS1_v2', sizeAt: 'job.compute' });
  assert.equal(of('shared')?.name, 'ward-3');
  assert.equal(of('lab')?.host, 'lab-1');
  assert.deepEqual(wanted({}).value, { sizeAt: 'job.resources.instance_type' });
});

test('what the training or the job’s instance_type says comes before an open compute', () => {
  const resources = { instance_type: 'Standard_DS2_v2' };
  assert.equal(wanted({ compute: 'any', resources }).value?.size, 'Standard_DS2_v2');
  assert.equal(wanted({ compute: 'unknown' }, { name: 'mine' }).value?.name, 'mine');
  assert.equal(wanted({ compute: 'small' }, { host: 'lab-1' }).value?.size, undefined);
});

test('an unknown compute, and one that contradicts the job, are refused by path', () => {
  const issue = (...args: Parameters<typeof wanted>) => wanted(...args).issues[0];
  assert.equal(issue({ compute: 'azureml:gpu' })?.path, 'job.compute');
  assert.match(issue({ compute: 'azureml:gpu' })?.rule ?? '', /this site’s computes are any, lab, shared, small/);
  assert.match(issue({ compute: 'constructor' })?.rule ?? '', /this site’s computes are/);
  assert.match(issue({ compute: 'gpu' }, undefined, {})?.rule ?? '', /maps no compute/);
  const resources = { instance_type: 'Standard_DS2_v2' };
  assert.equal(issue({ compute: 'small', resources })?.path, 'job.resources.instance_type');
  assert.equal(issue({ compute: 'lab' }, { after: 'delete' })?.path, 'virtualMachine.after');
});

test('a host stands alone in site.yml', () => {
  assert.equal(Compute.safeParse({ host: 'lab', size: 'Standard_DS1_v2' }).success, false);
  assert.equal(Compute.safeParse({ host: 'lab' }).success, true);
});
