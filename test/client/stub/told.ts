import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Ended } from '../command.ts';

const SCHEMAS = join(import.meta.dirname, '..', '..', '..', 'schemas');

/** What `--json` printed, after it was held against the published schema. */
export function told<T>(schema: string, { stdout, stderr }: Pick<Ended, 'stdout' | 'stderr'>): T {
  assert.doesNotMatch(stdout.trimEnd(), /\n/, 'one object in one line');
  const printed: unknown = JSON.parse(stdout);
  const published = JSON.parse(readFileSync(join(SCHEMAS, `${schema}.schema.json`), 'utf8')) as never;
  const checked = z.fromJSONSchema(published).safeParse(printed);
  assert.ok(checked.success, `${schema}: ${String(checked.error?.message)}\n${stdout}\n${stderr}`);
  return printed as T;
}
