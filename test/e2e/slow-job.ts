import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './product.ts';

export interface SlowJob {
  readonly model: string;
  /** Any of its own makes a run its own. */
  readonly seconds: number;
  readonly machine?: string;
  /** The VM's, which is named too. */
  readonly size?: string;
  readonly onOutOfMemory?: 'larger';
  /** A blob of the hospital's; default: the example's table. */
  readonly data?: string;
  /** Makes its code another. */
  readonly code?: string;
  /** What the script does besides: one of its environment variables. LOGS needs the environment `WITH_MLFLOW`. */
  readonly wishes?: readonly ('RESUMES' | 'BULK' | 'GROWS' | 'LOGS')[];
  /** Instead of the job’s own, which has no package. */
  readonly environment?: object;
}

export const withPackage = (requirement: string) => ({
  conda_file: { dependencies: ['python=3.11', { pip: [requirement] }] },
});
export const WITH_MLFLOW = withPackage('mlflow-skinny>=2.22,<3');

/** The job that writes a line a second, in a folder of its own, with its training.yml. */
export interface SlowJobFiles extends Disposable {
  readonly folder: string;
  /** Path of its `training.yml`. */
  readonly file: string;
}

/** A copy of the slow job, changed as is said. */
export function slowJob(job: SlowJob): SlowJobFiles {
  const folder = mkdtempSync(join(tmpdir(), 'edge-train-run-'));
  cpSync(join(ROOT, 'test', 'e2e', 'slow-job'), folder, { recursive: true });
  const change = (file: string, from: string | RegExp, to: string) =>
    writeFileSync(join(folder, file), readFileSync(join(folder, file), 'utf8').replace(from, to));
  change('job.yml', 'seconds: 30', `seconds: ${job.seconds}`);
  const wishes = Object.fromEntries((job.wishes ?? []).map((wish) => [wish, 'yes']));
  change('job.yml', 'code: src', `code: src\nenvironment_variables: ${JSON.stringify(wishes)}`);
  if (job.data) change('job.yml', 'breast-cancer/wdbc.csv', job.data);
  if (job.environment)
    change('job.yml', /^environment:\n( .*\n)+/m, `environment: ${JSON.stringify(job.environment)}\n`);
  if (job.code) change('src/slow.py', '"""Writes', `# ${job.code}\n"""Writes`);
  const { machine: name, size, onOutOfMemory } = job;
  const file = join(folder, 'training.yml');
  const training = {
    ...{ site: 'demo', job: 'job.yml', model: { name: job.model } },
    ...(name ? { virtualMachine: { name, size, onOutOfMemory } } : {}),
  };
  writeFileSync(file, JSON.stringify(training)); // JSON is YAML
  return { folder, file, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}
