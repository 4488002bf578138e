import { isAbsolute } from 'node:path';
import type { CommandJob } from '../../domain/command-job.ts';
import { CondaFile } from '../../domain/conda-file.ts';
import { parse, shown } from '../../domain/validation.ts';
import { CommandError, type Fault } from '../command-error.ts';
import { beside } from './beside.ts';
import { readYaml, type YamlFile } from './read-yaml.ts';

/** Puts the content of the job's conda file, which is named relative to the job file, in the place of its name. */
export async function inlineCondaFile(job: CommandJob, yaml: YamlFile): Promise<{ job: CommandJob; faults: Fault[] }> {
  const { environment } = job;
  if (typeof environment === 'string' || typeof environment.conda_file !== 'string') return { job, faults: [] };
  const named = environment.conda_file;
  const path = 'environment.conda_file';
  if (isAbsolute(named) || named.includes('://')) {
    const rule = 'must be a file, given relative to the job file';
    return { job, faults: yaml.faults([{ path, rule, value: shown(named) }]) };
  }
  try {
    const conda = await readYaml(beside(yaml.file, named));
    const parsed = parse(CondaFile, conda.value);
    if (!parsed.ok) return { job, faults: conda.faults(parsed.issues) };
    return { job: { ...job, environment: { ...environment, conda_file: parsed.value } }, faults: [] };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const rule = error.faults.map((fault) => fault.rule).join(', ');
    return { job, faults: [...yaml.faults([{ path, rule, value: shown(named) }]), ...error.faults.slice(1)] };
  }
}
