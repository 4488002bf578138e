import { readFileSync } from 'node:fs';
import type { Recorded } from '../auditor.ts';
import type { Exhibit } from './exhibit.ts';

/** Fronts that stand on site; of what is sent to them only the path is on record. */
const ON_SITE = ['stack-hub', 'site-blob'];

/** What reached the fronts: each request's path, and of those to the cloud the body (its first MiB). */
export function* requests(recorded: readonly Recorded[]): Generator<Exhibit> {
  for (const { sequence, front, method, path, body, bodyFile } of recorded) {
    const name = `${front} ${method} ${path.split('?', 1)[0]} (${sequence})`;
    const onSite = ON_SITE.includes(front) ? { onSite: true as const } : {};
    yield { kind: 'request', name, bytes: Buffer.from(path), ...onSite };
    if (body !== undefined) yield { kind: 'request', name: `${name}, body`, bytes: Buffer.from(body) };
    if (bodyFile !== undefined) yield { kind: 'request', name: `${name}, body`, bytes: readFileSync(bodyFile) };
  }
}
