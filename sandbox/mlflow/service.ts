import { Failure } from '../server/errors.ts';
import { json, type Call, type Reply } from '../server/front.ts';
import { Router } from '../server/router.ts';
import { parseBody } from '../server/schema.ts';
import { experimentRoutes } from './experiments.ts';
import { metricRoutes } from './metrics.ts';
import type { Tracking } from './route.ts';
import { runRoutes } from './runs.ts';

/** `base` is the path of the tracking URI. */
export function mlflowHandler(tracking: Tracking, base: string): (call: Call) => Promise<Reply> {
  const router = new Router([...experimentRoutes(tracking), ...runRoutes(tracking), ...metricRoutes(tracking)]);
  const prefix = `${base}/api/2.0/mlflow`.toLowerCase();
  return async (call) => {
    const path = decodePath(call.path);
    if (!path.toLowerCase().startsWith(`${base}/`.toLowerCase())) {
      throw new Failure(404, 'RESOURCE_DOES_NOT_EXIST', `There is no workspace at ${path}.`);
    }
    const match = path.toLowerCase().startsWith(prefix)
      ? router.match(call.method, path.slice(prefix.length))
      : undefined;
    if (!match)
      throw new Failure(
        501,
        'NOT_IMPLEMENTED',
        `The sandbox does not emulate ${call.method} ${call.path}. sandbox/README.md lists what it serves.`,
      );
    const bytes = await call.read();
    const body =
      call.method === 'GET'
        ? parseBody(
            match.route.schema,
            Buffer.from(JSON.stringify(Object.fromEntries(call.query))),
            'application/json',
            'mlflow',
          )
        : parseBody(match.route.schema, bytes, call.headers['content-type'] ?? '', 'mlflow');
    return json(200, match.route.handle(body));
  };
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new Failure(400, 'BAD_REQUEST', `The path ${path} holds a malformed escape.`);
  }
}
