import { dirname, isAbsolute, resolve } from 'node:path';
import { isMap, type Document } from 'yaml';
import { CodeAsset } from '../../domain/code-asset.ts';
import { CommandJob } from '../../domain/command-job.ts';
import { SweepJob, splitSweep, trialPath } from '../../domain/sweep-job.ts';
import type { Sweep } from '../../domain/sweep.ts';
import { TrainModelInput, type TrainModelRequest } from '../../domain/train-model-input.ts';
import { parse, shown, type Issue } from '../../domain/validation.ts';
import { refused, type Fault } from '../command-error.ts';
import { inlineCondaFile } from './conda-file.ts';
import { readOverrides } from './overrides.ts';
import { keepPythonLiterals } from './python-literals.ts';
import { readYaml, type YamlFile } from './read-yaml.ts';
import { fromFlags, fromTrainingFile, type RunFlags, type Wishes } from './wishes.ts';

/** A training that is whole but for its code's digest. */
export interface Training {
  /** Absolute path of the code folder; absent when the job has none. */
  readonly codeFolder?: string;
  /** The job file, for messages. */
  readonly jobFile: string;
  /** The workflow's input, with defaults filled in. */
  toInput(code: CodeAsset | undefined): TrainModelInput;
}

/** A request for another site than the files name; what is wrong with that is told with everything else. */
export interface Adapted {
  readonly request: NonNullable<Wishes['request']>;
  readonly job: CommandJob;
  readonly faults: readonly Fault[];
}
export type Adapt = (request: Adapted['request'], job: CommandJob, jobFile: string) => Promise<Adapted>;

/**
 * Reads a training.yml with its job file, or a job file alone, and checks all that can be known here.
 * @throws CommandError exit 2, naming file, line, path and rule of every fault; nothing has been done by then
 */
export async function readTraining(file: string, flags: RunFlags, adapt?: Adapt): Promise<Training> {
  let isJob = false;
  const overrides = readOverrides(flags.set ?? []);
  const prepareJob = (document: Document) => {
    overrides.apply(document);
    keepPythonLiterals(document);
  };
  const top = await readYaml(file, (document) => {
    isJob = isJobFile(document);
    if (isJob) prepareJob(document);
  });
  const wishes = isJob ? fromFlags(flags, file) : fromTrainingFile(top, flags);
  const jobFile = wishes.jobFile;
  if (jobFile === undefined) throw incorrect(wishes.faults);
  const yaml = overrides.located(jobFile === file ? top : await readYaml(jobFile, prepareJob));
  const read = readJob(yaml);
  if ('issues' in read) throw incorrect([...wishes.faults, ...yaml.faults(tellable(read.issues))]);
  const { sweep } = read;
  const job = sweep ? inTrial(yaml) : yaml;
  const inlined = await inlineCondaFile(read.job, job);
  const code = codeFolder(inlined.job, job);
  const adapted = wishes.request && (await adapt?.(wishes.request, inlined.job, jobFile));
  const faults = [...wishes.faults, ...inlined.faults, ...code.faults, ...(adapted?.faults ?? [])];
  const request = adapted?.request ?? wishes.request;
  const trained = adapted?.job ?? inlined.job;
  const draft = request && { ...request, job: trained, ...(sweep ? { sweep } : {}) };
  // What could not be adapted would be told twice.
  if (draft && !adapted?.faults.length) faults.push(...contradictions(draft, wishes, { job, sweep: yaml }));
  if (faults.length > 0 || !draft) throw incorrect(faults);
  return {
    jobFile,
    ...(code.folder === undefined ? {} : { codeFolder: code.folder }),
    toInput: (asset) => TrainModelInput.parse({ ...draft, ...(asset ? { code: asset } : {}) }),
  };
}

type Read = { readonly job: CommandJob; readonly sweep?: Sweep } | { readonly issues: readonly Issue[] };

function readJob({ value }: YamlFile): Read {
  if ((value as { type?: unknown } | null)?.type === 'sweep') {
    const parsed = parse(SweepJob, value);
    return parsed.ok ? splitSweep(parsed.value) : parsed;
  }
  const parsed = parse(CommandJob, value);
  return parsed.ok ? { job: parsed.value } : parsed;
}

/** A sweep's file, for faults of its trial's command job. */
const inTrial = (yaml: YamlFile): YamlFile => ({
  ...yaml,
  faults: (issues) => yaml.faults(issues.map((issue) => ({ ...issue, path: trialPath(issue.path) }))),
});

/** A job file has a command and names no job; a training.yml the other way round. */
function isJobFile(document: Document): boolean {
  if (!isMap(document.contents) || document.has('job')) return false;
  return ['command', 'type', 'code', 'environment', 'compute'].some((key) => document.has(key));
}

/** A job of another type lacks all that a command job has: that it is one says enough. */
function tellable(issues: readonly Issue[]): readonly Issue[] {
  const type = issues.filter(({ path }) => path === 'type');
  return type.length > 0 ? type : issues;
}

function codeFolder(job: CommandJob, yaml: YamlFile): { folder?: string; faults: Fault[] } {
  if (job.code === undefined) return { faults: [] };
  if (/^[a-z][a-z0-9+.-]*:/i.test(job.code) || isAbsolute(job.code)) {
    const rule = 'must be a folder, given relative to the job file: code is sent from here, never from Azure ML or git';
    return { faults: yaml.faults([{ path: 'code', rule, value: shown(job.code) }]) };
  }
  return { folder: resolve(dirname(yaml.file), job.code), faults: [] };
}

const PACKED_LATER: CodeAsset = { digest: '0'.repeat(64), bytes: 1, files: 1 };

/** What only the whole shows, told at the place where the user wrote it. */
function contradictions(
  draft: TrainModelRequest,
  wishes: Wishes,
  files: { readonly job: YamlFile; readonly sweep: YamlFile },
): Fault[] {
  const whole = parse(TrainModelInput, draft.job.code === undefined ? draft : { ...draft, code: PACKED_LATER });
  if (whole.ok) return [];
  return whole.issues.flatMap((issue): Fault[] => {
    const [, part] = /^(job|sweep)\b/.exec(issue.path) ?? [];
    if (part !== 'job' && part !== 'sweep') return wishes.place(issue);
    return files[part].faults([{ ...issue, path: issue.path.replace(/^\w+\.?/, '') }]);
  });
}

function incorrect(faults: readonly Fault[]) {
  return refused(
    'The training is refused; nothing was started.',
    faults,
    'Correct what is named and run the command again.',
  );
}
