import type { TokenCredential } from '@azure/core-auth';
import type { Metric } from '../domain/completed-job.ts';
import type { RecordedRun } from '../domain/model-version.ts';
import { toServiceError } from './errors.ts';
import { httpsSender } from './https.ts';

/** MLflow's REST API (https://mlflow.org/docs/latest/rest-api.html) as an Azure ML workspace serves it. */
export interface TrackingConnection {
  /** `https://…`, from the workspace's mlFlowTrackingUri. */
  readonly uri: string;
  readonly credential: TokenCredential;
  /** The token's scope is `<audience>/.default`. */
  readonly audience: string;
  readonly ca?: string;
  readonly abortSignal?: AbortSignal;
}

export interface RunToRecord {
  readonly experiment: string;
  /** Names the run for us: one run a job. */
  readonly job: string;
  readonly name: string;
  readonly startTime: number;
  /** Without `job` and `mlflow.runName`, which are added. */
  readonly tags: Readonly<Record<string, string>>;
}

export type RunStatus = 'FINISHED' | 'FAILED' | 'KILLED';

/** What one log-batch takes: https://mlflow.org/docs/latest/rest-api.html#log-batch (1000 in all). */
const LIMITS = { metrics: 1000, params: 100, paramLength: 500, tagLength: 5000 };
const TIMEOUT = 60_000;

/**
 * The run of this job: found by its `job` tag, else created, RUNNING. Where two callers created one each, both keep the
 * one that is first by start and id, and the other is deleted.
 */
export async function recordRun(connection: TrackingConnection, run: RunToRecord): Promise<RecordedRun> {
  const experimentId = await experiment(connection, run.experiment);
  const found = await findRun(connection, experimentId, run.job);
  if (found) return { experimentId, runId: found };
  const { run: made } = await call<{ run: RunBody }>(connection, 'runs/create', {
    experiment_id: experimentId,
    run_name: run.name,
    start_time: run.startTime,
    tags: pairs({ ...run.tags, 'mlflow.runName': run.name, job: run.job }, LIMITS.tagLength),
  });
  const first = (await findRun(connection, experimentId, run.job)) ?? made.info.run_id;
  if (first !== made.info.run_id) await call(connection, 'runs/delete', { run_id: made.info.run_id });
  return { experimentId, runId: first };
}

/**
 * Logs points in their order. `again`: some of them may be there already, since an answer was lost; only what is not there is
 * sent then. Where two points are equal in name, step, value and time, that is one. A point without a number is not sent.
 */
export async function logMetrics(
  connection: TrackingConnection,
  { runId, points, again }: { readonly runId: string; readonly points: readonly Metric[]; readonly again: boolean },
): Promise<void> {
  const names = [...new Set(points.map(({ name }) => name))];
  const there = new Set<string>();
  for (const name of again ? names : []) for (const point of await history(connection, runId, name)) there.add(point);
  const missing = numbers(points).filter((point) => !there.has(pointKey(point)));
  for (const metrics of slices(missing, LIMITS.metrics))
    await call(connection, 'runs/log-batch', { run_id: runId, metrics });
}

/** Of one metric, all pages. */
async function history(connection: TrackingConnection, runId: string, name: string): Promise<string[]> {
  const found: string[] = [];
  for (let page: string | undefined; ;) {
    const query = new URLSearchParams({ run_id: runId, metric_key: name, ...(page ? { page_token: page } : {}) });
    const answer = await call<{ metrics?: PointBody[]; next_page_token?: string }>(
      connection,
      `metrics/get-history?${query}`,
    );
    found.push(...(answer.metrics ?? []).map(pointKey));
    page = answer.next_page_token;
    if (!page) return found;
  }
}

/**
 * Logs what is not logged yet and ends the run. Executed twice it adds nothing: parameters that the run has already, and
 * metrics whose last value there is this one, are left out. A metric without a number is not sent, and a parameter's value is cut at 500 characters.
 */
export async function finishRun(
  connection: TrackingConnection,
  request: {
    readonly runId: string;
    readonly status: RunStatus;
    readonly endTime: number;
    readonly parameters?: Readonly<Record<string, string>>;
    readonly metrics?: readonly Metric[];
  },
): Promise<void> {
  const { run } = await call<{ run: RunBody }>(connection, `runs/get?run_id=${encodeURIComponent(request.runId)}`);
  for (const batch of batches(run, request))
    await call(connection, 'runs/log-batch', { run_id: request.runId, ...batch });
  if (run.info.status === request.status) return;
  await call(connection, 'runs/update', { run_id: request.runId, status: request.status, end_time: request.endTime });
}

export async function tagRun(connection: TrackingConnection, runId: string, key: string, value: string): Promise<void> {
  await call(connection, 'runs/set-tag', { run_id: runId, key, value });
}

async function experiment(connection: TrackingConnection, name: string): Promise<string> {
  const there = await findExperiment(connection, name);
  if (there !== undefined) return there;
  try {
    return (await call<{ experiment_id: string }>(connection, 'experiments/create', { name })).experiment_id;
  } catch (error) {
    const raced = await findExperiment(connection, name);
    if (raced !== undefined) return raced;
    throw error;
  }
}

async function findExperiment(connection: TrackingConnection, name: string): Promise<string | undefined> {
  const answer = await call<{ experiment?: { experiment_id: string } }>(
    connection,
    `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`,
    undefined,
    'absent is fine',
  );
  return answer?.experiment?.experiment_id;
}

async function findRun(connection: TrackingConnection, experimentId: string, job: string): Promise<string | undefined> {
  const { runs = [] } = await call<{ runs?: RunBody[] }>(connection, 'runs/search', {
    experiment_ids: [experimentId],
    filter: `tags.job = '${job}'`,
    max_results: 10,
    run_view_type: 'ACTIVE_ONLY',
  });
  const order = ({ info }: RunBody) => `${String(info.start_time).padStart(20, '0')} ${info.run_id}`;
  return runs.sort((a, b) => (order(a) < order(b) ? -1 : 1))[0]?.info.run_id;
}

export interface RunBody {
  readonly info: { readonly run_id: string; readonly status: string; readonly start_time: number | string };
  readonly data?: {
    readonly params?: readonly { readonly key: string; readonly value: string }[];
    readonly metrics?: readonly PointBody[];
  };
}

interface PointBody {
  readonly key: string;
  readonly value: number | string;
  readonly step?: number | string;
  readonly timestamp?: number | string;
}

function* batches(
  { data }: RunBody,
  { parameters = {}, metrics = [] }: { parameters?: Readonly<Record<string, string>>; metrics?: readonly Metric[] },
): Generator<Record<string, unknown>> {
  const hasParameter = new Set(data?.params?.map(({ key }) => key));
  // Not by time: what went to Azure ML while the script trained has the time at which it went.
  const untimed = ({ key, value, step }: PointBody) => pointKey({ key, value, timestamp: 0, ...(step && { step }) });
  const hasMetric = new Set(data?.metrics?.map(untimed));
  const params = pairs(parameters, LIMITS.paramLength).filter(({ key }) => !hasParameter.has(key));
  const missing = numbers(metrics).filter((point) => !hasMetric.has(untimed(point)));
  for (const some of slices(params, LIMITS.params)) yield { params: some };
  for (const some of slices(missing, LIMITS.metrics)) yield { metrics: some };
}

const numbers = (metrics: readonly Metric[]) =>
  metrics.flatMap(({ name, value, step, timestamp }) =>
    value === null ? [] : [{ key: name, value, step, timestamp }],
  );

/** 64-bit numbers may come as text (protobuf's JSON), so they are compared as numbers. */
const pointKey = ({ key, value, step = 0, timestamp }: PointBody): string =>
  `${Number(timestamp)} ${Number(step)} ${Number(value)} ${key}`;

function pairs(record: Readonly<Record<string, string>>, length: number): { key: string; value: string }[] {
  const cut = (value: string) => (value.length > length ? `${value.slice(0, length - 1)}…` : value);
  return Object.entries(record).map(([key, value]) => ({ key, value: cut(value) }));
}

function* slices<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}

/** One request of MLflow's API. @throws ServiceError */
export async function call<T = unknown>(connection: TrackingConnection, path: string, body?: object): Promise<T>;
export async function call<T>(
  connection: TrackingConnection,
  path: string,
  body: object | undefined,
  absent: 'absent is fine',
): Promise<T | undefined>;
export async function call<T>(
  connection: TrackingConnection,
  path: string,
  body?: object,
  absent?: string,
): Promise<T | undefined> {
  const { credential, audience, abortSignal } = connection;
  const doing = `MLflow ${path.split('?', 1)[0]} at ${new URL(connection.uri).host}`;
  try {
    const token = await credential.getToken(`${audience.replace(/\/+$/, '')}/.default`);
    const response = await httpsSender(connection.ca)({
      url: `${connection.uri}/api/2.0/mlflow/${path}`,
      method: body ? 'POST' : 'GET',
      headers: {
        authorization: `Bearer ${token?.token ?? ''}`,
        accept: 'application/json',
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      ...(abortSignal ? { abortSignal } : {}),
      timeout: TIMEOUT,
    });
    const answer = parse(response.bodyAsText);
    if (response.status === 200) return answer as T;
    if (absent && response.status === 404) return undefined;
    // Not the code: MLflow's (INVALID_PARAMETER_VALUE, …) say less than the status and the message.
    throw Object.assign(new Error(`${answer['error_code'] ?? 'no code'}: ${answer['message'] ?? 'no reason given'}`), {
      statusCode: response.status,
      response: { headers: response.headers },
    });
  } catch (error) {
    if (abortSignal?.aborted) throw error;
    throw toServiceError(error, doing);
  }
}

/** A proxy on the way may answer in HTML. */
function parse(text: string | null | undefined): Record<string, unknown> {
  try {
    return JSON.parse(text ?? '') as Record<string, unknown>;
  } catch {
    return {};
  }
}
