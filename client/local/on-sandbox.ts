import { dirname, resolve } from 'node:path';
import { bytesText, count } from '../../domain/amount-text.ts';
import type { CommandJob } from '../../domain/command-job.ts';
import { parseDataAddress } from '../../domain/data-reference.ts';
import type { TrainModelRequest } from '../../domain/train-model-input.ts';
import type { Fault } from '../command-error.ts';
import type { Adapted } from '../files/read-training.ts';
import { DEMO_SITE, DEMO_STORES } from '../sandbox/site-yml.ts';
import { readSample, sampleFlags, type Sample } from './samples.ts';

/** What a run without a site of its own is called, where nobody names a model. */
export const LOCAL_MODEL = 'local';

/**
 * The same training for the sandbox's site: its own VM, whatever the file asks for, and samples for data that lies
 * elsewhere. `samples` is filled with what must be brought there first. Nothing is sent yet.
 */
export function onSandbox(given: readonly string[], samples: Sample[]) {
  const { paths, faults: wrong } = sampleFlags(given);
  return async (request: Omit<TrainModelRequest, 'job'>, job: CommandJob, jobFile: string): Promise<Adapted> => {
    const faults: Fault[] = [...wrong];
    const inputs = dataInputs(job);
    for (const name of paths.keys())
      if (!inputs.some((input) => input.name === name))
        faults.push({ path: `--sample ${name}`, rule: 'is not a data input of the job' });
    const data = { ...request.data };
    for (const input of inputs) {
      const stated = paths.get(input.name);
      const path = stated ?? besideJob(input.path, jobFile);
      const place = stated === undefined ? `inputs.${input.name}.path` : `--sample ${input.name}`;
      const known = data[input.name]?.store ?? storeOf(input.path);
      if (path !== undefined) {
        const sample = await readSample(input, path);
        if ('rule' in sample) faults.push({ path: place, rule: sample.rule, value: path });
        else {
          samples.push(sample);
          data[input.name] = sample.reference;
        }
      } else if (known === undefined || !DEMO_STORES.includes(known)) {
        faults.push({ path: `inputs.${input.name}`, rule: `is not in the sandbox: give --sample ${input.name}=PATH` });
      }
    }
    const { deploy: _, ...trained } = request; // what is tried here serves nobody
    return { request: { ...trained, site: DEMO_SITE, data, virtualMachine: {} }, job: anywhere(job), faults };
  };
}

/** `2 files, 81 kB for the input data`. */
export function sampleText({ input, files, bytes }: Sample): string {
  return `Sample: ${count(files.length, 'file')}, ${bytesText(bytes)} for the input ${input}`;
}

/** Without what only another site has: a compute's name, a VM size. */
function anywhere({ compute: _, resources, ...job }: CommandJob): CommandJob {
  if (!resources) return job;
  const { instance_type: __, ...rest } = resources;
  return { ...job, resources: rest };
}

function dataInputs({ inputs = {} }: CommandJob): { name: string; type: string; path: string }[] {
  return Object.entries(inputs).flatMap(([name, value]) =>
    typeof value === 'object' ? [{ name, type: value.type, path: value.path }] : [],
  );
}

/** Azure ML uploads a path of the job file's own machine; here that is data to try a script on. */
function besideJob(path: string, jobFile: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:/i.test(path) ? undefined : resolve(dirname(jobFile), path);
}

function storeOf(path: string): string | undefined {
  const address = parseDataAddress(path);
  return address?.kind === 'store' ? address.reference.store : undefined;
}
