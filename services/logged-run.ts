import { call, type RunBody, type TrackingConnection } from './mlflow.ts';

/** Names to last values, as text. */
export interface LoggedRun {
  readonly metrics: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
}

/** What a run has logged; undefined where there is no such run. */
export async function readRun(connection: TrackingConnection, runId: string): Promise<LoggedRun | undefined> {
  const route = `runs/get?run_id=${encodeURIComponent(runId)}`;
  const found = await call<{ run: RunBody }>(connection, route, undefined, 'absent is fine');
  if (!found) return undefined;
  const { metrics = [], params = [] } = found.run.data ?? {};
  return {
    metrics: Object.fromEntries(metrics.map(({ key, value }) => [key, String(value)])),
    parameters: Object.fromEntries(params.map(({ key, value }) => [key, value])),
  };
}
