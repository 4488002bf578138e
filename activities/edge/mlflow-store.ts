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
/** Of a metric's new lines, what is read at once. */
const CHUNK = 256 * 2 ** 10;
const MAX_PARAMETERS = 200;
const MAX_METRICS = 1000;
/** MLflow's own rule for the names of metrics and parameters. */
const NAME = /^[\w. :/-]{1,250}$/;

/**
 * The job's run of a folder tracking store (`mlruns/EXPERIMENT/RUN/{meta.yaml,params,metrics,tags}`, MLflow's
 * FileStore): its parameters, and each metric's value at its last step. The one that the script was told of, `own`; where
 * that says nothing, the newest of the others; nested runs are not it. A job that never touched MLflow has an empty one.
 * Whatever is malformed is left out: the script's files are not trusted.
 */
export async function readTrackedRun(store: string, own?: string): Promise<TrackedRun> {
  const run = await jobsRun(store, own);
  if (!run) return { parameters: {}, metrics: [] };
  return { parameters: await readParameters(run.folder), metrics: await readMetrics(run.folder) };
}

/** A point of a metric's history, and where its line ends in the metric's file. */
export type NewPoint = Metric & { readonly end: number };

/**
 * What the same run's metrics say behind `ends` (bytes of each metric's file, by `RUN NAME`), whole lines only, in the order
 * of their times; those of one metric stay in their own order. At most 1000 metrics, and 256 KiB of each at once.
 */
export async function readNewPoints(
  store: string,
  ends: (run: string, name: string) => number,
  own?: string,
): Promise<{ run: string; points: NewPoint[] }> {
  const run = await jobsRun(store, own);
  if (!run) return { run: '', points: [] };
  const { files } = await walk(join(run.folder, 'metrics'));
  const found: { point: NewPoint; time: number }[] = [];
  for (const { path, absolute, bytes } of files.slice(0, MAX_METRICS)) {
    const from = ends(run.id, path);
    if (bytes <= from || !NAME.test(path)) continue;
    let time = 0;
    for (const point of await pointsFrom(absolute, path, from))
      found.push({ point, time: (time = Math.max(time, point.timestamp)) });
  }
  return { run: run.id, points: found.sort((a, b) => a.time - b.time).map(({ point }) => point) };
}

async function jobsRun(store: string, own?: string): Promise<ParentRun | undefined> {
  const runs = (await parentRuns(store)).sort((a, b) => b.startTime - a.startTime);
  const told = runs.find(({ id }) => own !== undefined && id.endsWith(`/${own}`));
  return told && (await saysSomething(told)) ? told : runs.find((run) => run !== told);
}

async function saysSomething({ folder }: ParentRun): Promise<boolean> {
  for (const kind of ['metrics', 'params']) {
    const entries = await readdir(join(folder, kind)).catch(() => []);
    if (entries.length > 0) return true;
  }
  return false;
}

interface ParentRun {
  /** `EXPERIMENT/RUN`. */
  readonly id: string;
  readonly folder: string;
  readonly startTime: number;
}

async function parentRuns(store: string): Promise<ParentRun[]> {
  const found: ParentRun[] = [];
  for (const experiment of await folders(store)) {
    for (const run of await folders(join(store, experiment))) {
      const folder = join(store, experiment, run);
      const meta = await readSmall(join(folder, 'meta.yaml'));
      if (meta === undefined || !/^run_id:/m.test(meta)) continue;
      if ((await readSmall(join(folder, 'tags', 'mlflow.parentRunId'))) !== undefined) continue;
      found.push({
        id: `${experiment}/${run}`,
        folder,
        startTime: Number(/^start_time: (\d+)$/m.exec(meta)?.[1] ?? 0),
      });
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
    const point = pointOf(line);
    if (!point) continue;
    if (!last || point.step > last.step || (point.step === last.step && point.timestamp >= last.timestamp))
      last = point;
  }
  return last;
}

function pointOf(line: string): Omit<Metric, 'name'> | undefined {
  const [timestamp, value, step = '0'] = line.trim().split(' ');
  if (value === undefined || !/^\d{1,15}$/.test(timestamp ?? '') || !/^-?\d{1,15}$/.test(step)) return undefined;
  const number = Number(value);
  return { value: Number.isFinite(number) ? number : null, step: Number(step), timestamp: Number(timestamp) };
}

/** A line without an end is still being written. What has none in a whole chunk is no metric, and goes no further. */
async function pointsFrom(file: string, name: string, from: number): Promise<NewPoint[]> {
  const chunk = await readChunk(file, from);
  const points: NewPoint[] = [];
  for (let at = 0; at < chunk.length;) {
    const newline = chunk.indexOf(10, at);
    if (newline < 0) break;
    const point = pointOf(chunk.toString('utf8', at, newline));
    at = newline + 1;
    if (point) points.push({ name, ...point, end: from + at });
  }
  return points;
}

async function readChunk(path: string, from: number): Promise<Buffer> {
  try {
    const file = await openRegular(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(CHUNK), 0, CHUNK, from);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return Buffer.alloc(0);
  }
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
