import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { auditor } from './auditor.ts';
import { ROOT } from './product.ts';

const FOLDER = join(ROOT, 'test', 'e2e', 'lean-job');

export interface LeanJob extends Disposable {
  /** Path of its `training.yml`. */
  readonly file: string;
  readonly seconds: number;
}

export interface LeanJobOptions {
  readonly model: string;
  readonly virtualMachine: string;
  readonly seconds: number;
  /** The VM's. */
  readonly size?: string;
  /** A blob of the hospital's; default: the example's table. */
  readonly data?: string;
}

/**
 * A copy of the job that writes a line a second and needs MLflow's client only, under a model name and on a VM of its own;
 * its code is like no other's.
 */
export function leanJob({ model, virtualMachine, seconds, size = 'Standard_DS1_v2', data }: LeanJobOptions): LeanJob {
  const folder = mkdtempSync(join(tmpdir(), 'edge-train-job-'));
  cpSync(FOLDER, folder, { recursive: true });
  const job = join(folder, 'job.yml');
  const text = readFileSync(job, 'utf8').replace('seconds: 30', `seconds: ${seconds}`);
  writeFileSync(job, data === undefined ? text : text.replace('breast-cancer/wdbc.csv', data));
  writeFileSync(join(folder, 'src', 'model-name.txt'), model);
  const training = {
    site: 'demo',
    job: 'job.yml',
    model: { name: model },
    virtualMachine: { name: virtualMachine, size },
  };
  const file = join(folder, 'training.yml');
  writeFileSync(file, JSON.stringify(training)); // JSON is YAML
  return { file, seconds, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

/** The seconds that the script wrote, in order, from the log that the site keeps. */
export async function writtenSeconds(audit: ReturnType<typeof auditor>, job: string): Promise<number[]> {
  const runs = audit.siteAccount().container('edge-train-runs');
  const log = await runs.getBlobClient(`runs/${job}/job.log`).downloadToBuffer();
  return [...log.toString().matchAll(/^second (\d+)$/gm)].map((match) => Number(match[1]));
}
