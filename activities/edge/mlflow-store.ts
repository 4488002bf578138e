import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metric } from '../../domain/completed-job.ts';
import { openRegular, walk } from './output-files.ts';

/** What one MLflow run of a folder store says, as far as it may leave the site: names, numbers and short texts. */
export interface TrackedRun {
  readonly parameters: Record<string, string>;
  readonly metrics: Metric[];
}

const MAX_FILE = 16 * 2 ** 20;
const MAX_PARAMETERS = 200;
const MAX_METRICS = 1000;
/** MLflow's own rule for the names of metrics and parameters. */
const NAME = /^[\w. :/-]{1,250}$/;

/**
 * The parent run of a folder tracking store (`mlruns/EXPERIMENT/RUN/{meta.yaml,params,metrics,tags}`, MLflow's
 * FileStore): its parameters, and each metric's value at its last step. The newest of several; nested runs are not it.
 * A job that never touched MLflow has an empty one. Whatever is malformed is left out: the script's files are not trusted.
 */
export async function readTrackedRun(store: string): Promise<TrackedRun> {
  const runs = await parentRuns(store);
  const newest = runs.sort((a, b) => b.startTime - a.startTime)[0];
  if (!newest) return { parameters: {}, metrics: [] };
  return { parameters: await readParameters(newest.folder), metrics: await readMetrics(newest.folder) };
}

async function parentRuns(store: string): Promise<{ folder: string; startTime: number }[]> {
  const found: { folder: string; startTime: number }[] = [];
  for (const experiment of await folders(store)) {
    for (const run of await folders(join(store, experiment))) {
      const folder = join(store, experiment, run);
      const meta = await readSmall(join(folder, 'meta.yaml'));
      if (meta === undefined || !/^run_id:/m.test(meta)) continue;
      if ((await readSmall(join(folder, 'tags', 'mlflow.parentRunId'))) !== undefined) continue;
      found.push({ folder, startTime: Number(/^start_time: (\d+)$/m.exec(meta)?.[1] ?? 0) });
    }
  }
  return found;
}

async function readParameters(run: string): Promise<Record<string, string>> {
  const { files } = await walk(join(run, 'params'));
  const parameters: Record<string, string> = {};
  for (const { path, absolute } of files.slice(0, MAX_PARAMETERS)) {
    const value = await readSmall(absolute);
    // MLflow's server takes 500 characters; control characters have no place in a parameter.
    if (value !== undefined && NAME.test(path)) parameters[path] = value.replace(/\p{Cc}+/gu, ' ').slice(0, 500);
  }
  return parameters;
}

async function readMetrics(run: string): Promise<Metric[]> {
  const { files } = await walk(join(run, 'metrics'));
  const metrics: Metric[] = [];
  for (const { path, absolute } of files.slice(0, MAX_METRICS)) {
    const last = lastPoint((await readSmall(absolute)) ?? '');
    if (last && NAME.test(path)) metrics.push({ name: path, ...last });
  }
  return metrics;
}

/** Lines are `TIMESTAMP VALUE STEP`; the last is the highest step, and of several the newest. */
function lastPoint(text: string): Omit<Metric, 'name'> | undefined {
  let last: Omit<Metric, 'name'> | undefined;
  for (const line of text.split('\n')) {
    const [timestamp, value, step = '0'] = line.trim().split(' ');
    if (value === undefined || !/^\d{1,15}$/.test(timestamp ?? '') || !/^-?\d{1,15}$/.test(step)) continue;
    const number = Number(value);
    const point = { value: Number.isFinite(number) ? number : null, step: Number(step), timestamp: Number(timestamp) };
    if (!last || point.step > last.step || (point.step === last.step && point.timestamp >= last.timestamp))
      last = point;
  }
  return last;
}

async function folders(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .sort();
  } catch {
    return [];
  }
}

async function readSmall(path: string): Promise<string | undefined> {
  try {
    const file = await openRegular(path);
    try {
      return (await file.stat()).size > MAX_FILE ? undefined : await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}
