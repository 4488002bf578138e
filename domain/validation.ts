import { z } from 'zod';

/** One fault in an input: where it is, which rule it breaks, and what stood there (escaped, at most 80 characters). */
export interface Issue {
  readonly path: string;
  readonly rule: string;
  readonly value?: string;
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly issues: Issue[] };

/** Parses `value` at the border, once. Never throws; every fault of the value is listed, not the first only. */
export function parse<S extends z.ZodType>(schema: S, value: unknown): Parsed<z.output<S>> {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, issues: result.error.issues.flatMap((issue) => toIssues(issue, schema, value)) };
}

/** One line an issue: `path: rule (was "value")`. */
export function describeIssues(issues: readonly Issue[]): string {
  return issues
    .map(
      ({ path, rule, value }) => `${path || '(whole input)'}: ${rule}${value === undefined ? '' : ` (was ${value})`}`,
    )
    .join('\n');
}

/** Escapes control and bidirectional characters and cuts at 80, so that a hostile value cannot repaint a terminal. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value));
  const escaped = text.replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return escaped.length > 80 ? `${escaped.slice(0, 79)}…` : escaped;
}

type ZodIssue = z.core.$ZodIssue;

function toIssues(issue: ZodIssue, schema: z.ZodType, root: unknown): Issue[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, issue.path);
    return issue.keys.map((key) => ({
      path: pathText([...issue.path, key]),
      rule: `unknown key${suggestion(key, known)}`,
    }));
  }
  if (issue.code === 'invalid_union') {
    const branches = issue.errors.filter((errors) => errors.length > 0);
    const deepest = branches.sort((a, b) => depth(b) - depth(a))[0];
    if (deepest && depth(deepest) > 0) {
      return deepest.flatMap((inner) => toIssues({ ...inner, path: [...issue.path, ...inner.path] }, schema, root));
    }
  }
  const value = at(root, issue.path);
  return [
    {
      path: pathText(issue.path),
      rule: value === undefined ? `is required (${issue.message})` : issue.message,
      ...(value === undefined ? {} : { value: shown(value) }),
    },
  ];
}

function depth(errors: readonly ZodIssue[]): number {
  return Math.max(0, ...errors.map((error) => error.path.length + (error.code === 'unrecognized_keys' ? 1 : 0)));
}

function at(root: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = root;
  for (const key of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) =>
      typeof key === 'number'
        ? `[${key}]`
        : /^[\w-]{1,60}$/.test(String(key))
          ? `${i ? '.' : ''}${String(key)}`
          : `[${shown(String(key))}]`,
    )
    .join('');
}

/** The keys that a strict object at `path` would take; walks objects, records, arrays, optionals and unions. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let candidates: z.ZodType[] = unwrap(schema);
  for (const key of path) {
    candidates = candidates.flatMap((candidate) => {
      if (candidate instanceof z.ZodObject) {
        const next = (candidate.shape as Record<string, z.ZodType>)[String(key)];
        return next ? unwrap(next) : [];
      }
      if (candidate instanceof z.ZodRecord) return unwrap(candidate.valueType as z.ZodType);
      if (candidate instanceof z.ZodArray) return unwrap(candidate.element as z.ZodType);
      return [];
    });
  }
  return candidates.flatMap((candidate) => (candidate instanceof z.ZodObject ? Object.keys(candidate.shape) : []));
}

function unwrap(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrap(schema.unwrap() as z.ZodType);
  }
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodReadonly) return unwrap(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodPipe) return [schema.in, schema.out].flatMap((side) => unwrap(side as z.ZodType));
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => unwrap(option as z.ZodType));
  return [schema];
}

function suggestion(key: string, known: readonly string[]): string {
  const near = known
    .map((name) => ({ name, distance: editDistance(key.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0];
  if (near) return `; did you mean ${near.name}?`;
  return known.length > 0 ? `; known here: ${known.join(', ')}` : '';
}

function editDistance(a: string, b: string): number {
  if (a.length > 60 || b.length > 60) return 60;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
