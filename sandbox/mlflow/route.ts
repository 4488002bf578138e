import type { z } from 'zod';
import { Failure } from '../server/errors.ts';
import type { Routed } from '../server/router.ts';
import type { Store } from '../server/store.ts';

/** MLflow's REST API 2.0 as Azure ML serves it under its tracking URI. */
export interface Tracking {
  store: Store;
  /** Where a run's artifacts would lie. */
  artifactRoot: string;
  user: string;
}

export interface MlflowRoute extends Routed {
  schema: z.ZodType;
  handle(body: unknown): unknown;
}

/** A route whose handler's argument has the schema's type. GETs take their members from the query. */
export function route<T>(
  method: 'GET' | 'POST',
  path: string,
  schema: z.ZodType<T>,
  handle: (body: T) => unknown,
): MlflowRoute {
  return { method, path, schema, handle: (body) => handle(body as T) };
}

/** MLflow's refusal of an argument. */
export function invalid(message: string): Failure {
  return new Failure(400, 'INVALID_PARAMETER_VALUE', message);
}
