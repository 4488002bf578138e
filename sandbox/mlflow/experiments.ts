import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { Failure } from '../server/errors.ts';
import { fits, parseFilter } from './filter.ts';
import { page } from './page.ts';
import { invalid, route, type MlflowRoute, type Tracking } from './route.ts';

export interface Experiment {
  experiment_id: string;
  name: string;
  artifact_location: string;
  lifecycle_stage: 'active' | 'deleted';
  creation_time: number;
  last_update_time: number;
  tags: { key: string; value: string }[];
}

const collection = 'mlflow/experiment';
export const tag = z.strictObject({ key: z.string().min(1).max(250), value: z.string().max(8000) });

const search = z.strictObject({
  max_results: z.coerce.number().int().min(1).max(50_000).default(1000),
  page_token: z.string().optional(),
  filter: z.string().optional(),
  order_by: z.array(z.literal(['creation_time DESC', 'creation_time ASC', 'last_update_time DESC'])).optional(),
  view_type: z.enum(['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL']).default('ACTIVE_ONLY'),
});

export function experimentRoutes(tracking: Tracking): MlflowRoute[] {
  return [
    route(
      'POST',
      '/experiments/create',
      z.strictObject({
        name: z.string().min(1).max(255),
        artifact_location: z.string().optional(),
        tags: z.array(tag).optional(),
      }),
      (body) => create(tracking, body),
    ),
    route(
      'GET',
      '/experiments/get-by-name',
      z.strictObject({ experiment_name: z.string().min(1) }),
      ({ experiment_name }) => ({ experiment: byName(tracking, experiment_name) }),
    ),
    route('GET', '/experiments/get', z.strictObject({ experiment_id: z.string().min(1) }), ({ experiment_id }) => ({
      experiment: requireExperiment(tracking, experiment_id),
    })),
    route('POST', '/experiments/search', search, (body) => searchAll(tracking, body)),
    route('GET', '/experiments/search', search, (body) => searchAll(tracking, body)),
    route(
      'POST',
      '/experiments/set-experiment-tag',
      z.strictObject({ experiment_id: z.string(), ...tag.shape }),
      (body) => setTag(tracking, body),
    ),
  ];
}

/** @throws Failure 404 */
export function requireExperiment({ store }: Tracking, id: string): Experiment {
  const found = store.get<Experiment>(collection, id);
  if (!found) throw new Failure(404, 'RESOURCE_DOES_NOT_EXIST', `No Experiment with id=${id} exists`);
  return found;
}

function create(
  { store, artifactRoot }: Tracking,
  {
    name,
    tags = [],
    artifact_location,
  }: { name: string; tags?: Experiment['tags'] | undefined; artifact_location?: string | undefined },
): unknown {
  if (artifact_location !== undefined)
    throw invalid('Azure ML places artifacts itself: artifact_location cannot be set.');
  const same = store.list<Experiment>(collection).some((each) => each.name === name);
  if (same) throw new Failure(400, 'RESOURCE_ALREADY_EXISTS', `Experiment(name=${name}) already exists.`);
  const now = Date.now();
  const experiment_id = randomUUID();
  const made: Experiment = {
    experiment_id,
    name,
    artifact_location: `${artifactRoot}/${experiment_id}`,
    lifecycle_stage: 'active',
    creation_time: now,
    last_update_time: now,
    tags,
  };
  store.commit([{ collection, key: experiment_id, value: made }]);
  return { experiment_id };
}

function byName({ store }: Tracking, name: string): Experiment {
  const found = store.list<Experiment>(collection).find((each) => each.name === name);
  if (!found) throw new Failure(404, 'RESOURCE_DOES_NOT_EXIST', `Could not find experiment with name '${name}'`);
  return found;
}

function setTag(
  tracking: Tracking,
  { experiment_id, key, value }: { experiment_id: string; key: string; value: string },
): unknown {
  const found = requireExperiment(tracking, experiment_id);
  const tags = [...found.tags.filter((each) => each.key !== key), { key, value }];
  tracking.store.commit([{ collection, key: experiment_id, value: { ...found, tags, last_update_time: Date.now() } }]);
  return {};
}

function searchAll(
  { store }: Tracking,
  { filter, max_results, page_token, order_by, view_type }: z.infer<typeof search>,
): unknown {
  const comparisons = parseFilter(filter ?? '');
  const found = store.list<Experiment>(collection).filter((each) => {
    const inView = view_type === 'ALL' || (each.lifecycle_stage === 'active') === (view_type === 'ACTIVE_ONLY');
    return (
      inView &&
      fits(comparisons, {
        attributes: { ...each },
        tags: Object.fromEntries(each.tags.map(({ key, value }) => [key, value])),
        params: {},
        metrics: {},
      })
    );
  });
  const oldestFirst = order_by?.[0] === 'creation_time ASC';
  const { items, next } = page(
    oldestFirst ? found : found.toReversed(),
    (each) => each.experiment_id,
    max_results,
    page_token,
  );
  return { experiments: items, ...(next ? { next_page_token: next } : {}) };
}
