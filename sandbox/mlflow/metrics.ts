import { z } from 'zod';
import type { Change } from '../server/store.ts';
import { tag } from './experiments.ts';
import { page } from './page.ts';
import { kept, requireRun, type Run } from './runs.ts';
import { invalid, route, type MlflowRoute, type Tracking } from './route.ts';
import { shownNumber, wholeNumber, type Point } from './values.ts';

const value = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity']).transform(Number)], 'must be a number');

const key = z
  .string()
  .min(1)
  .max(250)
  .regex(/^[\w ./:-]+$/, 'may only contain alphanumerics, underscores, dashes, periods, spaces, colons and slashes');
const metric = z.strictObject({ key, value, timestamp: wholeNumber, step: wholeNumber.default(0) });
const param = z.strictObject({ key, value: z.string().max(6000, 'exceeds the length limit of 6000 characters') });
const byRun = { run_id: z.string(), run_uuid: z.string().optional() };

const batch = z.strictObject({
  ...byRun,
  metrics: z.array(metric).max(1000, 'A batch logging request can contain at most 1000 metrics').default([]),
  params: z.array(param).max(100, 'A batch logging request can contain at most 100 params').default([]),
  tags: z.array(tag).max(100, 'A batch logging request can contain at most 100 tags').default([]),
});

const history = z.strictObject({
  ...byRun,
  metric_key: key,
  max_results: z.coerce.number().int().min(1).max(25_000).default(25_000),
  page_token: z.string().optional(),
});

const collection = 'mlflow/metric';

export function metricRoutes(tracking: Tracking): MlflowRoute[] {
  return [
    route('POST', '/runs/log-batch', batch, (body) => logBatch(tracking, body)),
    route(
      'POST',
      '/runs/log-metric',
      z.strictObject({ ...byRun, ...metric.shape }),
      ({ run_id, key: name, value: number, timestamp, step }) =>
        logBatch(tracking, { run_id, metrics: [{ key: name, value: number, timestamp, step }], params: [], tags: [] }),
    ),
    route(
      'POST',
      '/runs/log-parameter',
      z.strictObject({ ...byRun, ...param.shape }),
      ({ run_id, key: name, value: text }) =>
        logBatch(tracking, { run_id, metrics: [], params: [{ key: name, value: text }], tags: [] }),
    ),
    route('GET', '/metrics/get-history', history, (body) => getHistory(tracking, body)),
  ];
}

/** Everything of one request is kept, or, when a parameter would change, nothing. */
function logBatch(tracking: Tracking, { run_id, metrics, params, tags }: z.infer<typeof batch>): unknown {
  if (metrics.length + params.length + tags.length > 1000)
    throw invalid('A batch logging request can contain at most 1000 metrics, params and tags.');
  const run = requireRun(tracking, run_id, true);
  const nextParams = { ...run.params };
  for (const { key: name, value: text } of params) {
    const old = nextParams[name];
    if (old !== undefined && old !== text)
      throw invalid(
        `Changing param values is not allowed. Param with key='${name}' was already logged with value='${old}' for run ID='${run_id}'. Attempted logging new value '${text}'.`,
      );
    nextParams[name] = text;
  }
  const next: Run = {
    ...run,
    params: nextParams,
    tags: { ...run.tags, ...Object.fromEntries(tags.map(({ key: name, value: text }) => [name, text])) },
    metrics: latest(run.metrics, metrics),
  };
  tracking.store.commit([kept(next), ...appended(tracking, run_id, metrics)]);
  return {};
}

function appended({ store }: Tracking, run: string, metrics: Point[]): Change[] {
  const sequence = store.list(collection, `${run}/`).length;
  return metrics.length === 0
    ? []
    : [
        {
          collection,
          key: `${run}/${sequence}`,
          value: metrics.map((each) => ({ ...each, value: shownNumber(each.value) })),
        },
      ];
}

/** The latest by step, then timestamp, then value. */
function latest(before: Record<string, Point>, metrics: Point[]): Record<string, Point> {
  const after = { ...before };
  for (const point of metrics) {
    const old = after[point.key];
    if (!old || later(point, old)) after[point.key] = { ...point, value: shownNumber(point.value) as number };
  }
  return after;
}

function later(one: Point, other: Point): boolean {
  if (one.step !== other.step) return one.step > other.step;
  if (one.timestamp !== other.timestamp) return one.timestamp > other.timestamp;
  return Number(one.value) >= Number(other.value);
}

/**
 * In the order of their arrival. Azure does not say that a point which is logged twice is one: here it is two, so that a
 * client which sends twice is found out.
 */
function getHistory(
  tracking: Tracking,
  { run_id, metric_key, max_results, page_token }: z.infer<typeof history>,
): unknown {
  requireRun(tracking, run_id);
  const points = tracking.store
    .list<Point[]>(collection, `${run_id}/`)
    .flat()
    .filter((each) => each.key === metric_key);
  const numbered = points.map((point, index) => [String(index), point] as const);
  const { items, next } = page(numbered, ([index]) => index, max_results, page_token);
  return { metrics: items.map(([, point]) => point), ...(next ? { next_page_token: next } : {}) };
}
