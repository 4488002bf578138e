import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { Failure } from '../server/errors.ts';
import type { Change } from '../server/store.ts';
import { requireExperiment, tag } from './experiments.ts';
import { fits, parseFilter, parseKey, type Searched } from './filter.ts';
import { shownNumber, wholeNumber, type Point } from './values.ts';
import { page } from './page.ts';
import { invalid, route, type MlflowRoute, type Tracking } from './route.ts';

/** A run as it is kept. Latest metric values by key; histories lie beside it. */
export interface Run {
  info: {
    run_id: string;
    run_uuid: string;
    run_name: string;
    experiment_id: string;
    user_id: string;
    status: Status;
    start_time: number;
    end_time?: number;
    artifact_uri: string;
    lifecycle_stage: 'active' | 'deleted';
  };
  params: Record<string, string>;
  tags: Record<string, string>;
  metrics: Record<string, Point>;
}

const collection = 'mlflow/run';
const status = z.enum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']);
type Status = z.infer<typeof status>;

const created = z.strictObject({
  experiment_id: z.string(),
  user_id: z.string().optional(),
  run_name: z.string().optional(),
  start_time: wholeNumber.optional(),
  tags: z.array(tag).optional(),
});
const updated = z.strictObject({
  run_id: z.string(),
  run_uuid: z.string().optional(),
  status: status.optional(),
  end_time: wholeNumber.optional(),
  run_name: z.string().optional(),
});
const searched = z.strictObject({
  experiment_ids: z.array(z.string()).min(1, 'experiment_ids must name at least one experiment'),
  filter: z.string().optional(),
  run_view_type: z.enum(['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL']).default('ACTIVE_ONLY'),
  max_results: z.int().min(1).max(50_000).default(1000),
  order_by: z.array(z.string()).optional(),
  page_token: z.string().optional(),
});
const byId = z.strictObject({ run_id: z.string(), run_uuid: z.string().optional() });

export function runRoutes(tracking: Tracking): MlflowRoute[] {
  return [
    route('POST', '/runs/create', created, (body) => create(tracking, body)),
    route('GET', '/runs/get', byId, ({ run_id }) => ({ run: shownRun(requireRun(tracking, run_id)) })),
    route('POST', '/runs/update', updated, (body) => update(tracking, body)),
    route('POST', '/runs/search', searched, (body) => search(tracking, body)),
    route('POST', '/runs/set-tag', z.strictObject({ ...byId.shape, ...tag.shape }), (body) => setTag(tracking, body)),
    route('POST', '/runs/delete-tag', z.strictObject({ run_id: z.string(), key: z.string() }), (body) =>
      deleteTag(tracking, body),
    ),
    route('POST', '/runs/delete', byId, ({ run_id }) => setStage(tracking, run_id, 'deleted')),
    route('POST', '/runs/restore', byId, ({ run_id }) => setStage(tracking, run_id, 'active')),
  ];
}

/** @throws Failure 404 */
export function requireRun({ store }: Tracking, id: string, write = false): Run {
  const found = store.get<Run>(collection, id);
  if (!found) throw new Failure(404, 'RESOURCE_DOES_NOT_EXIST', `Run with id=${id} not found`);
  if (write && found.info.lifecycle_stage === 'deleted')
    throw invalid(`The run ${id} must be in the 'active' state. Current state is deleted.`);
  return found;
}

export function kept(run: Run): Change {
  return { collection, key: run.info.run_id, value: run };
}

export function shownRun({ info, params, tags, metrics }: Run): unknown {
  const pairs = (map: Record<string, string>) => Object.entries(map).map(([key, value]) => ({ key, value }));
  const points = Object.values(metrics).map((point) => ({ ...point, value: shownNumber(point.value) }));
  return { info, data: { metrics: points, params: pairs(params), tags: pairs(tags) }, inputs: {} };
}

function create(tracking: Tracking, body: z.infer<typeof created>): unknown {
  const experiment = requireExperiment(tracking, body.experiment_id);
  const run_id = randomUUID();
  const tags = Object.fromEntries((body.tags ?? []).map(({ key, value }) => [key, value]));
  const run_name = body.run_name || tags['mlflow.runName'] || `run-${run_id.slice(0, 8)}`;
  const user_id = body.user_id ?? tracking.user;
  const run: Run = {
    info: {
      ...{ run_id, run_uuid: run_id, run_name, experiment_id: experiment.experiment_id, user_id },
      ...{ status: 'RUNNING', start_time: body.start_time ?? Date.now(), lifecycle_stage: 'active' },
      artifact_uri: `${experiment.artifact_location}/${run_id}/artifacts`,
    },
    params: {},
    tags: { 'mlflow.user': user_id, ...tags, 'mlflow.runName': run_name },
    metrics: {},
  };
  tracking.store.commit([kept(run)]);
  return { run: shownRun(run) };
}

function update(tracking: Tracking, { run_id, status: next, end_time, run_name }: z.infer<typeof updated>): unknown {
  const run = requireRun(tracking, run_id, true);
  const info = {
    ...run.info,
    ...(next ? { status: next } : {}),
    ...(end_time === undefined ? {} : { end_time }),
    ...(run_name ? { run_name } : {}),
  };
  tracking.store.commit([
    kept({ ...run, info, tags: run_name ? { ...run.tags, 'mlflow.runName': run_name } : run.tags }),
  ]);
  return { run_info: info };
}

function setTag(tracking: Tracking, { run_id, key, value }: { run_id: string; key: string; value: string }): unknown {
  const run = requireRun(tracking, run_id, true);
  tracking.store.commit([kept({ ...run, tags: { ...run.tags, [key]: value } })]);
  return {};
}

function deleteTag(tracking: Tracking, { run_id, key }: { run_id: string; key: string }): unknown {
  const run = requireRun(tracking, run_id, true);
  if (!(key in run.tags))
    throw new Failure(404, 'RESOURCE_DOES_NOT_EXIST', `No tag with name: ${key} in run with id ${run_id}`);
  const { [key]: _, ...tags } = run.tags;
  tracking.store.commit([kept({ ...run, tags })]);
  return {};
}

function setStage(tracking: Tracking, id: string, lifecycle_stage: 'active' | 'deleted'): unknown {
  const run = requireRun(tracking, id);
  tracking.store.commit([kept({ ...run, info: { ...run.info, lifecycle_stage } })]);
  return {};
}

function search(tracking: Tracking, body: z.infer<typeof searched>): unknown {
  const comparisons = parseFilter(body.filter ?? '');
  const found = tracking.store.list<Run>(collection).filter(({ info, ...rest }) => {
    const inView =
      body.run_view_type === 'ALL' || (info.lifecycle_stage === 'active') === (body.run_view_type === 'ACTIVE_ONLY');
    return (
      inView && body.experiment_ids.includes(info.experiment_id) && fits(comparisons, asSearched({ info, ...rest }))
    );
  });
  const { items, next } = page(
    sorted(found, body.order_by ?? []),
    ({ info }) => info.run_id,
    body.max_results,
    body.page_token,
  );
  return { runs: items.map(shownRun), ...(next ? { next_page_token: next } : {}) };
}

function asSearched({ info, params, tags, metrics }: Run): Searched {
  return {
    attributes: { ...info },
    params,
    tags,
    metrics: Object.fromEntries(Object.entries(metrics).map(([key, { value }]) => [key, value])),
  };
}

/** By what `order_by` says, then newest first, then by id. */
function sorted(runs: Run[], orders: string[]): Run[] {
  const keys = orders.map((order) => {
    const match = /^\s*(?:(\w+)\.)?(?:"([^"]+)"|`([^`]+)`|([\w./ -]+?))(?:\s+(ASC|DESC))?\s*$/i.exec(order);
    if (!match) throw invalid(`Invalid order_by clause '${order}'`);
    return {
      ...parseKey(match[1], (match[2] ?? match[3] ?? match[4])!),
      descending: match[5]?.toUpperCase() === 'DESC',
    };
  });
  const all = [
    ...keys,
    { entity: 'attributes' as const, key: 'start_time', descending: true },
    { entity: 'attributes' as const, key: 'run_id', descending: false },
  ];
  return runs.toSorted((one, other) => {
    for (const { entity, key, descending } of all) {
      const order = compare(asSearched(one)[entity][key], asSearched(other)[entity][key], descending);
      if (order !== 0) return order;
    }
    return 0;
  });
}

/** What is absent stands last, either way. */
function compare(one: unknown, other: unknown, descending: boolean): number {
  if (one === other) return 0;
  if (one === undefined || other === undefined) return one === undefined ? 1 : -1;
  return ((one as number) < (other as number) ? -1 : 1) * (descending ? -1 : 1);
}
