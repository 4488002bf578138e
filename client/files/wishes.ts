import { isAbsolute } from 'node:path';
import { DataReference } from '../../domain/data-reference.ts';
import { ModelName, SiteName } from '../../domain/resource-names.ts';
import type { DeployTarget, TrainModelRequest } from '../../domain/train-model-input.ts';
import { TrainingFile } from '../../domain/training-file.ts';
import { parse, shown, type Issue } from '../../domain/validation.ts';
import type { Fault } from '../command-error.ts';
import { beside } from './beside.ts';
import type { YamlFile } from './read-yaml.ts';

/** What the command line says besides the file. */
export interface RunFlags {
  readonly site?: string;
  readonly model?: string;
  readonly modelPath?: string;
  readonly input: readonly string[];
  /** `path=value` each: fields of the job file. */
  readonly set?: readonly string[];
  readonly after?: 'keep' | 'deallocate' | 'delete';
  readonly deploy?: DeployTarget;
  /** Where and as what a job file is trained if no flag says it. */
  readonly defaults?: { readonly site: string; readonly model: string };
}

/** Everything but the job, from a training.yml or from flags. */
export interface Wishes {
  readonly jobFile?: string;
  readonly request?: Omit<TrainModelRequest, 'job'>;
  readonly faults: readonly Fault[];
  /** Where the user wrote what a path of the workflow's input speaks of. */
  place(issue: Issue): Fault[];
}

type Data = Record<string, DataReference>;

export function fromTrainingFile(yaml: YamlFile, flags: RunFlags): Wishes {
  const parsed = parse(TrainingFile, yaml.value);
  const place = (issue: Issue): Fault[] => yaml.faults([{ ...issue, path: issue.path.replace(/^data\b/, 'inputs') }]);
  const flagFaults = (['site', 'model', 'modelPath'] as const)
    .filter((name) => flags[name] !== undefined)
    .map((name) => ({ path: FLAGS[name], rule: `is for job files; ${yaml.file} says it` }));
  if (!parsed.ok) return { faults: [...yaml.faults(parsed.issues), ...flagFaults], place };

  const { site, job, model, inputs, virtualMachine, image } = parsed.value;
  const deploy = flags.deploy ?? parsed.value.deploy;
  const stated = dataFromFile(inputs ?? {}, yaml);
  const given = dataFromFlags(flags.input);
  const twice = Object.keys(given.data)
    .filter((name) => Object.hasOwn(stated.data, name))
    .map((name) => ({ path: `--input ${name}`, rule: `is said in ${yaml.file} already` }));
  const jobFaults = isAbsolute(job)
    ? yaml.faults([{ path: 'job', rule: 'must be relative to this file', value: shown(job) }])
    : [];
  return {
    ...(jobFaults.length > 0 ? {} : { jobFile: beside(yaml.file, job) }),
    request: {
      site,
      data: { ...stated.data, ...given.data },
      model,
      virtualMachine: { ...virtualMachine, ...(flags.after ? { after: flags.after } : {}) },
      ...(image ? { image } : {}),
      ...(deploy ? { deploy } : {}),
    },
    faults: [...flagFaults, ...jobFaults, ...stated.faults, ...given.faults, ...twice],
    place: (issue) => (issue.path.startsWith('data') && !stated.data[nameIn(issue)] ? atFlag(issue) : place(issue)),
  };
}

export function fromFlags(flags: RunFlags, file: string): Wishes {
  const given = dataFromFlags(flags.input);
  const { site = flags.defaults?.site, model = flags.defaults?.model } = flags;
  const faults: Fault[] = [...required(site, 'site', SiteName), ...required(model, 'model', ModelName)];
  return {
    jobFile: file,
    request: {
      site: site ?? '',
      data: given.data,
      model: { name: model ?? '', ...(flags.modelPath === undefined ? {} : { path: flags.modelPath }) },
      ...(flags.after ? { virtualMachine: { after: flags.after } } : {}),
      ...(flags.deploy ? { deploy: flags.deploy } : {}),
    },
    faults: [...faults, ...given.faults],
    // What is wrong with --site and --model has been said above.
    place: (issue) => (['site', 'model.name'].includes(issue.path) ? [] : atFlag(issue)),
  };
}

const FLAGS = { site: '--site', model: '--model', modelPath: '--model-path' } as const;

function required(value: string | undefined, name: 'site' | 'model', schema: typeof SiteName): Fault[] {
  if (value === undefined) return [{ path: FLAGS[name], rule: 'is required with a job file' }];
  const parsed = parse(schema, value);
  return parsed.ok ? [] : parsed.issues.map((issue) => ({ ...issue, path: FLAGS[name] }));
}

function atFlag(issue: Issue): Fault[] {
  const flag = issue.path.startsWith('data') ? `--input ${nameIn(issue)}` : '';
  const path = issue.path.startsWith('model.path') ? FLAGS.modelPath : flag || issue.path;
  return [{ ...issue, path }];
}

const nameIn = (issue: Issue): string => /^data\.?([\w-]*)/.exec(issue.path)?.[1] ?? '';

function dataFromFile(inputs: Readonly<Record<string, string>>, yaml: YamlFile): { data: Data; faults: Fault[] } {
  return collect(Object.entries(inputs), (name, value, rule) =>
    yaml.faults([{ path: `inputs.${name}`, rule, value: shown(value) }]),
  );
}

function dataFromFlags(given: readonly string[]): { data: Data; faults: Fault[] } {
  const pairs = given.map((text) => /^([A-Za-z_]\w{0,63})=(.*)$/s.exec(text));
  const wrong = given
    .filter((_, i) => !pairs[i])
    .map((text) => ({ path: '--input', rule: 'must be NAME=STORE/PATH', value: shown(text) }));
  const entries = pairs.flatMap((pair): [string, string][] => (pair ? [[pair[1] ?? '', pair[2] ?? '']] : []));
  const twice = entries
    .filter(([name], i) => entries.findIndex(([other]) => other === name) !== i)
    .map(([name]) => ({ path: `--input ${name}`, rule: 'is given twice' }));
  const read = collect(entries, (name, value, rule) => [{ path: `--input ${name}`, rule, value: shown(value) }]);
  return { data: read.data, faults: [...wrong, ...twice, ...read.faults] };
}

function collect(
  entries: readonly (readonly [string, string])[],
  fault: (name: string, value: string, rule: string) => Fault[],
): { data: Data; faults: Fault[] } {
  const data: Data = {};
  const faults: Fault[] = [];
  for (const [name, value] of entries) {
    const slash = value.indexOf('/');
    const reference = parse(DataReference, { store: value.slice(0, slash), path: value.slice(slash + 1) });
    if (slash > 0 && reference.ok) data[name] = reference.value;
    else faults.push(...fault(name, value, reference.ok ? 'must be STORE/PATH' : (reference.issues[0]?.rule ?? '')));
  }
  return { data, faults };
}
