import { invalid } from './route.ts';

/** What a filter looks at in one entity. */
export interface Searched {
  attributes: Record<string, unknown>;
  tags: Record<string, string>;
  params: Record<string, string>;
  metrics: Record<string, number>;
}

export interface Comparison {
  entity: keyof Searched;
  key: string;
  operator: '=' | '!=' | '>' | '>=' | '<' | '<=' | 'LIKE' | 'ILIKE';
  value: string | number;
}

const entities: Record<string, keyof Searched> = {
  ...{ attribute: 'attributes', attributes: 'attributes', attr: 'attributes', run: 'attributes' },
  ...{
    tag: 'tags',
    tags: 'tags',
    param: 'params',
    params: 'params',
    parameter: 'params',
    parameters: 'params',
    metric: 'metrics',
    metrics: 'metrics',
  },
};

const attributeNames: Record<string, string> = {
  'run name': 'run_name',
  'Run name': 'run_name',
  Created: 'start_time',
};

const comparison =
  /^\s*(?:(\w+)\.)?(?:"([^"]+)"|`([^`]+)`|([\w./-]+))\s*(!=|>=|<=|=|>|<|LIKE\b|ILIKE\b)\s*(?:'((?:[^'])*)'|"((?:[^"])*)"|(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?))\s*/i;

/** MLflow's filter strings: comparisons joined by AND. @throws Failure INVALID_PARAMETER_VALUE */
export function parseFilter(text: string): Comparison[] {
  const found: Comparison[] = [];
  for (let rest = text.trim(); rest !== '';) {
    const match = comparison.exec(rest);
    if (!match) throw invalid(`Invalid clause(s) in filter string: '${rest.slice(0, 80)}'`);
    found.push(checked(match));
    rest = rest.slice(match[0].length);
    if (rest === '') break;
    const and = /^AND\b\s*/i.exec(rest);
    if (!and || and[0].length === rest.length)
      throw invalid(`Invalid clause(s) in filter string: '${rest.slice(0, 80)}'`);
    rest = rest.slice(and[0].length);
  }
  return found;
}

export function fits(comparisons: Comparison[], searched: Searched): boolean {
  return comparisons.every(({ entity, key, operator, value }) => {
    const actual = searched[entity][key];
    if (actual === undefined || actual === null) return false;
    switch (operator) {
      case '=':
        return actual === value;
      case '!=':
        return actual !== value;
      case 'LIKE':
      case 'ILIKE':
        return like(String(value), operator).test(String(actual));
      default:
        return ordered(Number(actual), operator, Number(value));
    }
  });
}

/** The part of the entity that an `order_by` or filter names. */
export function parseKey(prefix: string | undefined, key: string): { entity: keyof Searched; key: string } {
  const entity = prefix === undefined ? 'attributes' : entities[prefix.toLowerCase()];
  if (!entity)
    throw invalid(`Invalid entity type '${prefix}'. Valid values are ['metric', 'parameter', 'tag', 'attribute']`);
  return { entity, key: entity === 'attributes' ? (attributeNames[key] ?? key) : key };
}

const attributes = [
  'run_id',
  'run_name',
  'status',
  'start_time',
  'end_time',
  'user_id',
  'artifact_uri',
  'experiment_id',
  'name',
  'creation_time',
  'last_update_time',
];

function checked([, prefix, quoted, ticked, bare, operator, single, double, number]: RegExpExecArray): Comparison {
  const { entity, key } = parseKey(prefix, (quoted ?? ticked ?? bare)!);
  if (entity === 'attributes' && !attributes.includes(key))
    throw invalid(`Invalid attribute key '${key}' specified. Valid keys are ${attributes.join(', ')}`);
  const numeric = entity === 'metrics' || (entity === 'attributes' && key.endsWith('_time'));
  const text = single ?? double;
  if (numeric && number === undefined) throw invalid(`Expected a numeric value for ${entity}.${key}. Found '${text}'`);
  if (!numeric && text === undefined)
    throw invalid(`Expected a quoted string value for ${entity}.${key}. Got value ${number}`);
  const upper = operator!.toUpperCase() as Comparison['operator'];
  if (!numeric && !['=', '!=', 'LIKE', 'ILIKE'].includes(upper))
    throw invalid(`Invalid comparator '${operator}' for ${entity}.${key}`);
  if (numeric && upper.endsWith('LIKE')) throw invalid(`Invalid comparator '${operator}' for ${entity}.${key}`);
  return { entity, key, operator: upper, value: numeric ? Number(number) : text! };
}

function like(pattern: string, operator: 'LIKE' | 'ILIKE'): RegExp {
  const escaped = pattern
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('%', '.*')
    .replaceAll('_', '.');
  return new RegExp(`^${escaped}$`, operator === 'ILIKE' ? 'is' : 's');
}

function ordered(one: number, operator: string, other: number): boolean {
  if (operator === '>') return one > other;
  if (operator === '>=') return one >= other;
  return operator === '<' ? one < other : one <= other;
}
